"""The client that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from .answers import Models, SearchAnswer, TagAnswer
from .batches import Batches
from .calls import Call, Image, PlainCall, Request, TagCall, about, decoded, searched
from .many import Item, Outcome, Pace, Progress, Run
from .options import SearchOptions, TagOptions, normal
from .retries import Attempts, ListAttempts
from .settings import PATIENCE_S, TIMEOUT_S, Settings, patience as checked_patience
from .transport import Transport

__all__ = ["Tagfleet"]

ImageT = TypeVar("ImageT", bound=Image)


class Tagfleet:
    """A service of Tagfleet's. May be shared by threads, and keeps its connections until it is closed.

    `base_url` and `api_key` are `TAGFLEET_API` and `TAGFLEET_API_KEY` of the environment where they are left out.
    `timeout`: seconds for a whole call, tries and pauses included. `http_client`: one with settings of your own (a proxy,
    certificates), which stays yours to close.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT_S,
        max_retries: int = 2,
        http_client: httpx2.Client | None = None,
    ) -> None:
        self._settings = settings = Settings.of(base_url, api_key, timeout, max_retries)
        http = http_client or httpx2.Client(limits=settings.limits())
        self._own = None if http_client else http
        self._transport = Transport(http, settings)
        self.batches = Batches(self._transport, settings)

    def tag(
        self,
        image: Image,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[TagOptions],
    ) -> TagAnswer:
        """Tag one image: a URL, a file's path, or a file's bytes."""
        call = TagCall.of(image, {**options}, idempotency_key)
        return self._tagged(call, Attempts(self._settings.retries, self._settings.time_s(timeout)))

    def tag_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = 16,
        timeout: float | None = None,
        patience: float = PATIENCE_S,
        progress: Callable[[Progress], None] | None = None,
        **options: Unpack[TagOptions],
    ) -> Iterator[Outcome[ImageT]]:
        """Tag many images, at most `concurrency` at once, and tell what becomes of each as it comes, in no order.

        Where the service refuses (429, 503) or cannot be reached, the whole list waits as long as it says, and goes on with
        fewer at once. An image that is still refused after `patience` seconds ends as an error. `images` is read as far as
        there is room for more, so it may be endless.
        """
        # What is wrong with the options is no image's fault, and is said at once.
        asked = normal({**options})
        timeout_s = self._settings.time_s(timeout)
        run = Run(images, Pace(concurrency), checked_patience(patience), progress)

        def try_one(image: ImageT) -> TagAnswer:
            call = TagCall.of(image, asked, None)
            return self._tagged(call, ListAttempts(self._settings.retries, timeout_s))

        return tagged(run, try_one, concurrency)

    def search(self, phrase: str, *, timeout: float | None = None, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """Tags whose names mean something like a phrase, the nearest first."""
        call = searched(phrase, {**options})
        return decoded(self._send(call, timeout), SearchAnswer)

    def models(self) -> Models:
        """The models that workers run now."""
        call = PlainCall(Request("GET", "/v1/models"))
        return decoded(self._send(call), Models)

    def request(self, request_id: str) -> dict[str, Any]:
        """What became of a request of the last hour, as the service tells it."""
        return decoded(self._send(about(request_id)), dict)

    def close(self) -> None:
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _send(self, call: Call, timeout: float | None = None) -> bytes:
        return self._transport.send(call, Attempts(self._settings.retries, self._settings.time_s(timeout)))

    def _tagged(self, call: TagCall, attempts: Attempts) -> TagAnswer:
        return decoded(self._transport.send(call, attempts), TagAnswer)


def tagged(run: Run[ImageT], try_one: Callable[[ImageT], TagAnswer], threads: int) -> Iterator[Outcome[ImageT]]:
    running: dict[Future[TagAnswer], Item[ImageT]] = {}
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tagfleet")
    try:
        while True:
            while (item := run.take()) is not None:
                running[pool.submit(try_one, item.image)] = item
            if run.is_over():
                return
            if not running:
                time.sleep(run.pause_s() or 0)
                continue
            ended, _ = wait(running, run.pause_s(), FIRST_COMPLETED)
            for future in ended:
                outcome = run.ended(running.pop(future), future.result)
                if outcome is not None:
                    yield outcome
    finally:
        # Whoever stops reading waits for those that are under way, and begins no more.
        pool.shutdown(cancel_futures=True)
