"""The client that awaits. What each call does is written at its twin in `client`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from .answers import Models, SearchAnswer, TagAnswer
from .async_transport import AsyncTransport
from .batches import AsyncBatches
from .calls import Call, Image, PlainCall, Request, TagCall, about, decoded, searched
from .many import Item, Outcome, Pace, Progress, Run
from .options import SearchOptions, TagOptions, normal
from .retries import Attempts, ListAttempts
from .settings import PATIENCE_S, TIMEOUT_S, Settings, patience as checked_patience

__all__ = ["AsyncTagfleet"]

ImageT = TypeVar("ImageT", bound=Image)


class AsyncTagfleet:
    """A service of Tagfleet's, for asyncio. See `Tagfleet`."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = TIMEOUT_S,
        max_retries: int = 2,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._settings = settings = Settings.of(base_url, api_key, timeout, max_retries)
        http = http_client or httpx2.AsyncClient(limits=settings.limits())
        self._own = None if http_client else http
        self._transport = AsyncTransport(http, settings)
        self.batches = AsyncBatches(self._transport, settings)

    async def tag(
        self,
        image: Image,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[TagOptions],
    ) -> TagAnswer:
        """Tag one image: a URL, a file's path, or a file's bytes."""
        attempts = Attempts(self._settings.retries, self._settings.time_s(timeout))
        call = await call_of(image, {**options}, idempotency_key)
        return await self._tagged(call, attempts)

    def tag_many(
        self,
        images: Iterable[ImageT],
        *,
        concurrency: int = 16,
        timeout: float | None = None,
        patience: float = PATIENCE_S,
        progress: Callable[[Progress], None] | None = None,
        **options: Unpack[TagOptions],
    ) -> AsyncIterator[Outcome[ImageT]]:
        """Tag many images, at most `concurrency` at once, and tell what becomes of each as it comes, in no order."""
        # What is wrong with the options is no image's fault, and is said at once.
        asked = normal({**options})
        timeout_s = self._settings.time_s(timeout)
        run = Run(images, Pace(concurrency), checked_patience(patience), progress)

        async def try_one(image: ImageT) -> TagAnswer:
            attempts = ListAttempts(self._settings.retries, timeout_s)
            call = await call_of(image, asked, None)
            return await self._tagged(call, attempts)

        return tagged(run, try_one)

    async def search(self, phrase: str, *, timeout: float | None = None, **options: Unpack[SearchOptions]) -> SearchAnswer:
        """Tags whose names mean something like a phrase, the nearest first."""
        call = searched(phrase, {**options})
        return decoded(await self._send(call, timeout), SearchAnswer)

    async def models(self) -> Models:
        """The models that workers run now."""
        call = PlainCall(Request("GET", "/v1/models"))
        return decoded(await self._send(call), Models)

    async def request(self, request_id: str) -> dict[str, Any]:
        """What became of a request of the last hour, as the service tells it."""
        return decoded(await self._send(about(request_id)), dict)

    async def close(self) -> None:
        if self._own is not None:
            await self._own.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _send(self, call: Call, timeout: float | None = None) -> bytes:
        return await self._transport.send(call, Attempts(self._settings.retries, self._settings.time_s(timeout)))

    async def _tagged(self, call: TagCall, attempts: Attempts) -> TagAnswer:
        return decoded(await self._transport.send(call, attempts), TagAnswer)


async def call_of(image: Image, options: Mapping[str, object], idempotency_key: str | None) -> TagCall:
    """A file is read on another thread, since a disk may be slow."""
    if isinstance(image, bytes):
        return TagCall.of(image, options, idempotency_key)
    return await asyncio.to_thread(TagCall.of, image, options, idempotency_key)


async def tagged(run: Run[ImageT], try_one: Callable[[ImageT], Awaitable[TagAnswer]]) -> AsyncIterator[Outcome[ImageT]]:
    running: dict[asyncio.Future[TagAnswer], Item[ImageT]] = {}
    try:
        while True:
            while (item := run.take()) is not None:
                running[asyncio.ensure_future(try_one(item.image))] = item
            if run.is_over():
                return
            if not running:
                await asyncio.sleep(run.pause_s() or 0)
                continue
            ended, _ = await asyncio.wait(running, timeout=run.pause_s(), return_when=asyncio.FIRST_COMPLETED)
            for future in ended:
                outcome = run.ended(running.pop(future), future.result)
                if outcome is not None:
                    yield outcome
    finally:
        # Whoever stops reading ends those that are under way.
        for future in running:
            future.cancel()
        await asyncio.gather(*running, return_exceptions=True)
