"""What both clients do when the way to the service fails: the way is a test's, and answers what the test says."""

import asyncio
import json
import time
import tracemalloc
import unittest
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import httpx2
import msgspec

from tagfleet import AsyncTagfleet, Tagfleet
from tagfleet.errors import ConnectionLost, DeadlinePassed, NoWorkers, Overloaded, UnreadableAnswer
from tagfleet.retries import Outage
from test_lists import ANSWER

URL = "http://service.test"
Answer = Callable[[httpx2.Request], httpx2.Response]


def good(_: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, content=msgspec.json.encode(ANSWER))


def refused(status: int = 429, code: str = "overloaded", **headers: str) -> Answer:
    body = {"detail": "full", "code": code, "retryable": True}
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx2.Response(status, headers=told, content=json.dumps(body))


def lost(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("connection reset", request=request)


class Way(httpx2.MockTransport):
    """Answers one after the other, and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[httpx2.Request] = []
        self._answers = iter(answers)
        super().__init__(self.answer)

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return next(self._answers)(request)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        return self.answer(request)


class Case(unittest.TestCase):
    """Runs each call with the client that blocks and with the one that awaits, without their pauses."""

    def setUp(self) -> None:
        self.pauses: list[float] = []
        sleeping = mock.patch("time.sleep", self.pauses.append)
        self.enterContext(sleeping)

        async def slept(seconds: float) -> None:
            self.pauses.append(seconds)

        self.enterContext(mock.patch("tagfleet.async_transport.asyncio.sleep", slept))

    def both(self, *answers: Answer, timeout: float = 30.0) -> Iterator[tuple[Way, Callable[[], object]]]:
        blocking = Way(*answers)
        yield blocking, lambda: self.tag(blocking, timeout)
        awaiting = Way(*answers)
        yield awaiting, lambda: asyncio.run(self.tag_awaiting(awaiting, timeout))

    def tag(self, way: Way, timeout: float) -> object:
        with httpx2.Client(transport=way) as http:
            return Tagfleet(URL, api_key="tf_1", http_client=http).tag(b"picture", timeout=timeout, idempotency_key="one")

    async def tag_awaiting(self, way: Way, timeout: float) -> object:
        async with httpx2.AsyncClient(transport=way) as http:
            client = AsyncTagfleet(URL, api_key="tf_1", http_client=http)
            return await client.tag(b"picture", timeout=timeout, idempotency_key="one")


class Tries(Case):
    def test_a_call_is_tried_again_as_it_was(self) -> None:
        for way, tag in self.both(lost, refused(retry_after_ms="37"), good):
            self.pauses.clear()
            self.assertEqual(tag(), ANSWER)
            self.assertEqual({request.headers["idempotency-key"] for request in way.asked}, {"one"})
            self.assertEqual({request.headers["authorization"] for request in way.asked}, {"Bearer tf_1"})
            self.assertEqual([request.content for request in way.asked], [b"picture"] * 3)
            first, second = self.pauses
            self.assertTrue(0.375 <= first <= 0.5 and second == 0.037, self.pauses)

    def test_two_retries_are_the_most(self) -> None:
        for way, tag in self.both(lost, lost, lost, good):
            with self.assertRaises(ConnectionLost):
                tag()
            self.assertEqual(len(way.asked), 3)

    def test_the_service_has_the_last_word(self) -> None:
        for way, tag in self.both(refused(503, "no_workers", x_should_retry="false"), good):
            with self.assertRaises(NoWorkers):
                tag()
            self.assertEqual(len(way.asked), 1)

    def test_a_call_that_would_pass_its_deadline_ends_at_once(self) -> None:
        for way, tag in self.both(refused(retry_after="3"), good, timeout=2.0):
            before = time.monotonic()
            with self.assertRaises(Overloaded):
                tag()
            self.assertEqual((len(way.asked), self.pauses), (1, []))
            self.assertLess(time.monotonic() - before, 2.0)

    def test_the_service_is_told_how_much_time_is_left(self) -> None:
        for way, tag in self.both(good, timeout=2.0):
            tag()
            self.assertTrue(0 < int(way.asked[0].url.params["timeout_ms"]) <= 2_000)
        for way, tag in self.both(good, timeout=60.0):
            tag()
            self.assertNotIn("timeout_ms", way.asked[0].url.params)

    def test_an_answer_of_somebody_else_is_none(self) -> None:
        for _, tag in self.both(lambda _: httpx2.Response(200, content=b"<html>")):
            with self.assertRaises(UnreadableAnswer):
                tag()


class Uploads(Case):
    def test_a_list_that_broke_off_is_sent_whole_again_under_its_key(self) -> None:
        counts = {"total": 0, "completed": 0, "failed": 0}
        batch = msgspec.json.encode({"id": "batch_1", "status": "validating", "created_at": 1, "request_counts": counts})
        way = Way(lost, lambda _: httpx2.Response(202, content=batch))
        with httpx2.Client(transport=way) as http, TemporaryDirectory() as folder:
            file = Path(folder) / "list.txt.gz"
            file.write_bytes(bytes(range(256)) * 1_000)
            Tagfleet(URL, http_client=http).batches.submit(file, features=["tags"])
        first, second = way.asked
        self.assertEqual(second.content, bytes(range(256)) * 1_000)
        self.assertEqual(first.headers["idempotency-key"], second.headers["idempotency-key"])
        self.assertEqual((second.headers["content-type"], second.url.query), ("text/plain", b"features=tags"))


def line(number: int) -> bytes:
    told = {"model": ANSWER.model, "image": ANSWER.image, "tags": [], "caption": ANSWER.caption}
    row = {"id": f"row_{number}", "custom_id": "\u2028", "line": number, "url": "http://a/", "response": {"body": told}}
    return msgspec.json.encode(row) + b"\n"


class Broken(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A part of an answer, and then nothing more."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


class Lines(Case):
    def answers(self) -> list[Answer]:
        end = {"x-next-cursor": "0-3"}
        return [
            lambda _: httpx2.Response(200, headers=end, stream=Broken(line(1), line(2)[:40])),
            refused(503, "store_unavailable", retry_after_ms="20"),
            lambda _: httpx2.Response(200, headers=end, stream=Broken(line(1) + line(2))),
            lambda _: httpx2.Response(200, headers=end, content=line(1) + line(2) + line(3)),
            lambda _: httpx2.Response(200, headers={"x-next-cursor": "0-4"}, content=line(4)),
            lambda _: httpx2.Response(200, headers={"x-next-cursor": "0-4"}, content=b""),
        ]

    def test_no_line_is_told_twice_and_none_is_left_out(self) -> None:
        way = Way(*self.answers())
        with httpx2.Client(transport=way) as http:
            rows = [row.line for row in Tagfleet(URL, http_client=http).batches.results("batch_1")]
        self.assertEqual(rows, [1, 2, 3, 4])
        self.assertEqual([request.url.params.get("after") for request in way.asked], [None] * 4 + ["0-3", "0-4"])

    def test_nor_by_the_client_that_awaits(self) -> None:
        async def read() -> list[int]:
            async with httpx2.AsyncClient(transport=Way(*self.answers())) as http:
                return [row.line async for row in AsyncTagfleet(URL, http_client=http).batches.results("batch_1")]

        self.assertEqual(asyncio.run(read()), [1, 2, 3, 4])


class AlwaysBroken(Case):
    """An answer that breaks off at the same place each time, by a clock that goes on only while the client pauses."""

    def way(self) -> Way:
        end = {"x-next-cursor": "0-3"}
        return Way(*[lambda _: httpx2.Response(200, headers=end, stream=Broken(line(1), line(2)[:40]))] * 10_000)

    def outage(self, patience_s: float) -> Outage:
        return Outage(patience_s, lambda: sum(self.pauses), lambda: 0.0)

    def test_it_is_given_up(self) -> None:
        with mock.patch("tagfleet.batches.blocking.Outage", self.outage), httpx2.Client(transport=self.way()) as http:
            rows = Tagfleet(URL, http_client=http).batches.results("batch_1")
            self.assertEqual(next(rows).line, 1)
            with self.assertRaises(ConnectionLost):
                next(rows)

    def test_so_it_is_by_the_client_that_awaits(self) -> None:
        async def read() -> list[int]:
            told: list[int] = []
            async with httpx2.AsyncClient(transport=self.way()) as http:
                with self.assertRaises(ConnectionLost):
                    async for row in AsyncTagfleet(URL, http_client=http).batches.results("batch_1"):
                        told.append(row.line)
            return told

        with mock.patch("tagfleet.batches.awaiting.Outage", self.outage):
            self.assertEqual(asyncio.run(read()), [1])


class Endless(httpx2.SyncByteStream):
    """Lines, made as they are asked for, 1,000 in a piece."""

    def __init__(self, pieces: int) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for number in range(self._pieces):
            yield b"".join(line(number * 1_000 + each) for each in range(1_000))


class Memory(unittest.TestCase):
    def peak_bytes(self, pieces: int) -> int:
        headers = {"x-next-cursor": "0-1"}
        way = Way(
            lambda _: httpx2.Response(200, headers=headers, stream=Endless(pieces)),
            lambda _: httpx2.Response(200, headers=headers, content=b""),
        )
        with httpx2.Client(transport=way) as http:
            tracemalloc.start()
            count = sum(1 for _ in Tagfleet(URL, http_client=http).batches.results("batch_1"))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        self.assertEqual(count, pieces * 1_000)
        return peak

    def test_more_lines_need_no_more_memory(self) -> None:
        few, many = self.peak_bytes(2), self.peak_bytes(20)
        self.assertLess(many, few * 1.5, (few, many))


class Slow(unittest.TestCase):
    def test_an_answer_that_trickles_in_ends_at_the_deadline(self) -> None:
        now = [0.0]

        class Trickle(httpx2.SyncByteStream):
            def __iter__(self) -> Iterator[bytes]:
                for _ in range(100):
                    now[0] += 1.0
                    yield b" "

        way = Way(lambda _: httpx2.Response(200, stream=Trickle()))
        with httpx2.Client(transport=way) as http, mock.patch("time.monotonic", lambda: now[0]):
            with self.assertRaises(DeadlinePassed):
                Tagfleet(URL, http_client=http).tag(b"picture", timeout=5.0)
        self.assertEqual(now[0], 5.0)


class Settings(unittest.TestCase):
    def test_what_is_left_out_is_the_environments(self) -> None:
        way = Way(good)
        with mock.patch.dict("os.environ", {"TAGFLEET_API": "http://of.environment/", "TAGFLEET_API_KEY": "tf_2"}):
            with httpx2.Client(transport=way) as http:
                client = Tagfleet(http_client=http)
                client.tag("https://a.test/1.png", limit=3, features=["tags"])
        request = way.asked[0]
        self.assertEqual(str(request.url), "http://of.environment/v1/tags")
        self.assertEqual(
            json.loads(request.content), {"image": {"url": "https://a.test/1.png"}, "limit": 3, "features": ["tags"]}
        )
        self.assertEqual(request.headers["authorization"], "Bearer tf_2")
        self.assertNotIn("tf_2", repr(client._settings))

    def test_what_is_no_url_of_a_service_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "begins with http"):
            Tagfleet("127.0.0.1:8080")
        with self.assertRaises(ValueError):
            Tagfleet(timeout=0)
