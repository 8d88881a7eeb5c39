"""Both clients against a running service. Its engine is fake: every tag is made up."""

import asyncio
import base64
import json
import tempfile
import time
import unittest
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pictures import picture
from service import FAKE, Origin, Service, running
from tagfleet import AsyncTagfleet, Batch, NotAnImage, Tagfleet, errors
from tagfleet.errors import BY_CODE, DeadlinePassed, IdempotencyMismatch, InvalidUrl, ModelNotFound, NotFound, SourceHttpError


class Live(unittest.TestCase):
    service: Service
    origin: Origin
    shared: Tagfleet

    @classmethod
    def setUpClass(cls) -> None:
        cls.origin = cls.enterClassContext(Origin())
        # A host that is slow on purpose is soon given up, and is not left alone for long.
        patience = {"TAGFLEET_FETCH_FIRST_BYTE_TIMEOUT_MS": "1500", "TAGFLEET_FETCH_HOST_PAUSE_MS": "100"}
        cls.service = running(cls, *FAKE, TAGFLEET_FETCH_ALLOW_ORIGINS=cls.origin.url, **patience)
        cls.shared = cls.enterClassContext(Tagfleet(cls.service.url))

    def setUp(self) -> None:
        self.client = self.shared


class One(Live):
    def test_an_image_comes_as_bytes_as_a_file_and_by_url(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "7.png"
            file.write_bytes(picture(7))
            data = "data:image/png;base64," + base64.b64encode(picture(7)).decode()
            images = (picture(7), file, str(file), f"{self.origin.url}/7.png", data)
            answers = [self.client.tag(image) for image in images]
        self.assertEqual(len({answer.image.sha256 for answer in answers}), 1)
        self.assertEqual({answer.model.name for answer in answers}, {"fake"})
        self.assertTrue(all(answer.tags and answer.timings_ms["total"] > 0 for answer in answers))

    def record(self, request_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.client.request(request_id)
            except NotFound:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def test_options_mean_the_same_for_a_file_and_for_a_url(self) -> None:
        for image in (picture(8), f"{self.origin.url}/8.png"):
            answer = self.client.tag(
                image,
                features=["tags", "colors", "quality"],
                limit=1,
                language="ko",
                client_ref="a/1",
                cache="no-store",
                explain=True,
            )
            self.assertEqual((len(answer.tags), answer.client_ref, answer.cached), (1, "a/1", None))
            self.assertEqual(answer.caption.status, "disabled")
            assert answer.colors and answer.quality and answer.explain
            self.assertEqual(answer.explain["id"], answer.id)
            # The record is written behind the answer.
            self.assertEqual(self.record(answer.id)["status"], 200)

    def test_an_error_is_of_its_codes_class(self) -> None:
        for image, kind in ((f"{self.origin.url}/404/1.png", SourceHttpError), ("gopher://a/", InvalidUrl)):
            with self.assertRaises(kind) as caught:
                self.client.tag(image)
            self.assertTrue(str(caught.exception.request_id).startswith("req_"))
        with self.assertRaises(ModelNotFound):
            self.client.tag(picture(9), model="none")
        with self.assertRaises(FileNotFoundError):
            self.client.tag("/nowhere/photo.jpg")

    def test_a_name_that_nobody_knows_is_refused_alike_for_a_file_and_for_a_url(self) -> None:
        told = set()
        for image in (picture(9), f"{self.origin.url}/9.png"):
            with self.assertRaises(errors.RequestError) as caught:
                self.client.tag(image, exclude=["cat,dog"])
            told.add((caught.exception.code, caught.exception.detail))
        self.assertEqual(len(told), 1, told)

    def test_a_request_that_is_sent_again_is_answered_as_before(self) -> None:
        first = self.client.tag(picture(10), idempotency_key="one")
        again = self.client.tag(picture(10), idempotency_key="one")
        self.assertEqual((again.cached, again.tags), ("key", first.tags))
        with self.assertRaises(IdempotencyMismatch):
            self.client.tag(picture(11), idempotency_key="one")

    def test_every_code_of_the_service_has_a_class(self) -> None:
        with urllib.request.urlopen(f"{self.service.url}/openapi.json") as answer:
            document = json.load(answer)
        codes = set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
        # Nobody sees the code of a client that hung up.
        self.assertEqual(set(BY_CODE), codes - {"client_gone"})
        for code, kind in BY_CODE.items():
            with urllib.request.urlopen(f"{self.service.url}/problems/{code}") as answer:
                told = json.load(answer)
            self.assertEqual((kind.usual_status, kind.__doc__), (told["status"], told["title"] + "."), code)

    def test_models_are_listed(self) -> None:
        models = self.client.models()
        self.assertEqual((models.default, models.models[0].name, models.workers[0].device), ("fake", "fake", "fake"))


class Many(Live):
    def test_each_image_of_a_list_is_told_once(self) -> None:
        images = [f"{self.origin.url}/{number}.png" for number in range(40)] + [f"{self.origin.url}/404/1.png", "/nowhere.png"]
        outcomes = list(self.client.tag_many(images, concurrency=8, features=["tags"]))
        self.assertEqual(sorted(outcome.index for outcome in outcomes), list(range(42)))
        self.assertTrue(all(outcome.image == images[outcome.index] for outcome in outcomes))
        bad = {outcome.index: type(outcome.error) for outcome in outcomes if outcome.error}
        self.assertEqual(bad, {40: SourceHttpError, 41: FileNotFoundError})

    def test_what_is_no_image_fails_alone(self) -> None:
        images: list[Any] = ["/tmp", None, 5, b"", picture(4_000)]

        async def awaited() -> dict[int, Any]:
            async with AsyncTagfleet(self.service.url) as client:
                return {outcome.index: outcome async for outcome in client.tag_many(images)}

        for outcomes in ({outcome.index: outcome for outcome in self.client.tag_many(images)}, asyncio.run(awaited())):
            self.assertEqual(sorted(outcomes), [0, 1, 2, 3, 4])
            kinds = [type(outcomes[index].error) for index in range(3)]
            self.assertEqual(kinds, [IsADirectoryError, NotAnImage, NotAnImage])
            self.assertIsInstance(outcomes[3].error, errors.ProblemError)
            self.assertTrue(outcomes[4].unwrap().tags)

    def test_whoever_stops_reading_stops_the_list(self) -> None:
        asked: list[int] = []

        def images() -> Iterator[bytes]:
            while True:
                asked.append(len(asked))
                yield picture(1_000 + len(asked))

        for _ in self.client.tag_many(images(), concurrency=4):
            break
        self.assertTrue(1 <= len(asked) <= 12, asked)

    def test_the_client_that_awaits_does_the_same(self) -> None:
        async def tag_all() -> list[int]:
            async with AsyncTagfleet(self.service.url) as client:
                images = [picture(2_000 + number) for number in range(40)]
                return [outcome.index async for outcome in client.tag_many(images) if outcome.unwrap().tags]

        self.assertEqual(sorted(asyncio.run(tag_all())), list(range(40)))

    def test_a_call_ends_at_its_deadline(self) -> None:
        async def late() -> None:
            async with AsyncTagfleet(self.service.url) as client:
                await client.tag(picture(3_000), timeout=0.000_1)

        with self.assertRaises(DeadlinePassed):
            asyncio.run(late())
        began = time.monotonic()
        with self.assertRaises((DeadlinePassed, errors.DeadlineExceeded, errors.SourceTimeout)):
            self.client.tag(f"{self.origin.url}/slow/1.png", timeout=1.0)
        self.assertLess(time.monotonic() - began, 3.0)


class Batches(Live):
    def urls(self, count: int) -> list[str | tuple[str, str]]:
        return [f"{self.origin.url}/{number}.png" for number in range(count)]

    def slow(self, count: int) -> list[str]:
        return [f"{self.origin.url}/slow/{number}.png" for number in range(count)]

    def test_a_list_from_its_beginning_to_its_last_line(self) -> None:
        seen: list[Batch] = []
        items = [*self.urls(30), ("gone\u2028", f"{self.origin.url}/404/1.png")]
        batch = self.client.batches.submit(iter(items), features=["tags"], metadata={"album": "7, 8"}, limit=1)
        done = self.client.batches.wait(batch.id, timeout=60, progress=seen.append)
        self.assertEqual((done.status, done.request_counts.completed, done.request_counts.failed), ("completed", 30, 1))
        self.assertEqual((done.metadata, seen[-1], done.failures.by_code), ({"album": "7, 8"}, done, {"source_http_error": 1}))
        rows = list(self.client.batches.results(batch.id))
        self.assertEqual(sorted(row.line for row in rows), list(range(1, 31)))
        self.assertTrue(all(len(row.answer.tags) == 1 for row in rows))
        [failed] = self.client.batches.errors(batch.id)
        self.assertEqual((failed.custom_id, failed.line), ("gone\u2028", 31))
        self.assertIs(BY_CODE[failed.error.code], SourceHttpError)
        again = self.client.batches.retry(batch.id)
        self.assertEqual(self.client.batches.wait(again.id, timeout=60).retry_of, batch.id)
        self.assertIn(again.id, [each.id for each in self.client.batches.list()])

    def test_a_file_is_sent_as_it_is(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "list.csv"
            file.write_text(f"name;link\na;{self.origin.url}/1.png\nb;{self.origin.url}/2.png\n")
            batch = self.client.batches.submit(file, id_column="name", features=["tags"])
        self.client.batches.wait(batch.id, timeout=60)
        self.assertEqual({row.custom_id for row in self.client.batches.results(batch.id)}, {"a", "b"})

    def test_a_list_that_is_sent_twice_is_one_batch(self) -> None:
        first, again = (self.client.batches.submit(self.urls(3), idempotency_key="list") for _ in range(2))
        self.assertEqual(first.id, again.id)

    def test_what_is_wrong_is_said(self) -> None:
        with self.assertRaises(NotFound):
            self.client.batches.get("batch_" + "0" * 32)
        with self.assertRaises(ValueError):
            self.client.batches.get("../models")
        with self.assertRaises(TypeError):
            self.client.batches.submit("http://a/1.png")
        with self.assertRaises(errors.ManifestNotAllowed):
            self.client.batches.submit_manifest("s3://lists/photos.parquet", dry_run=0.1)

    def test_a_batch_that_is_cancelled_ends(self) -> None:
        batch = self.client.batches.submit(self.slow(3), features=["tags"])
        self.client.batches.cancel(batch.id)
        done = self.client.batches.wait(batch.id, timeout=60)
        self.assertEqual((done.status, done.request_counts.failed), ("cancelled", 3))

    def test_the_client_that_awaits_does_the_same(self) -> None:
        async def whole() -> tuple[int, int, str]:
            async with AsyncTagfleet(self.service.url) as client:
                batch = await client.batches.submit([*self.urls(12), "nonsense"], features=["tags"])
                done = await client.batches.wait(batch.id, timeout=60)
                rows = [row async for row in client.batches.results(batch.id)]
                failed = [row async for row in client.batches.errors(batch.id)]
                listed = [each.id async for each in client.batches.list()]
                self.assertIn(batch.id, listed)
                return len(rows), len(failed), done.status

        self.assertEqual(asyncio.run(whole()), (12, 1, "completed"))

    def test_a_wait_ends_at_its_deadline(self) -> None:
        async def late(batch: str) -> None:
            async with AsyncTagfleet(self.service.url) as client:
                await client.batches.wait(batch, timeout=1.0)

        batch = self.client.batches.submit(self.slow(3))
        with self.assertRaisesRegex(DeadlinePassed, "0 of 3"):
            self.client.batches.wait(batch.id, timeout=1.0)
        with self.assertRaisesRegex(DeadlinePassed, "0 of 3"):
            asyncio.run(late(batch.id))
        self.client.batches.cancel(batch.id)
