"""Batches of the client that awaits. What each does is written at its twin in `blocking`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import ExitStack
from os import PathLike
from typing import Unpack

from ..answers import Alike, Batch, BatchPage, Failed, Row
from ..async_transport import AsyncTransport
from ..calls import Call, decoded
from ..errors import ConnectionLost, TagfleetError
from ..options import BatchOptions, RetagOptions
from ..retries import Attempts, Outage
from ..settings import PATIENCE_S, Settings
from . import calls
from .alike import Pictures
from .calls import Item, Line, Only
from .reading import K, Reading
from .watch import UPLOAD_S, Watch

__all__ = ["AsyncBatches"]


class AsyncBatches:
    """Lists of any length: `client.batches`."""

    def __init__(self, transport: AsyncTransport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings

    async def submit(
        self,
        items: Iterable[Item] | PathLike[str],
        *,
        idempotency_key: str | None = None,
        timeout: float = UPLOAD_S,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Send a list. It is read on another thread."""
        with ExitStack() as files:
            file, name = await asyncio.to_thread(files.enter_context, calls.opened(items))
            return await self._batch(calls.create(file, name, {**options}, idempotency_key), timeout)

    async def submit_manifest(
        self,
        manifest: str,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Name a list in a bucket or folder that the service may open."""
        return await self._batch(calls.named(manifest, {**options}, idempotency_key), timeout)

    async def get(self, batch: str, *, timeout: float | None = None) -> Batch:
        return await self._batch(calls.get(batch), timeout)

    async def list(self) -> AsyncIterator[Batch]:
        """All batches, the newest first."""
        after = None
        while True:
            page = decoded(await self._send(calls.listed(after), None), BatchPage)
            for batch in page.data:
                yield batch
            after = page.last_id
            if not page.has_more or after is None:
                return

    async def cancel(self, batch: str, *, timeout: float | None = None) -> Batch:
        """End a batch. What is done stays."""
        return await self._batch(calls.cancel(batch), timeout)

    async def retry(
        self,
        batch: str,
        *,
        only: Only = "all",
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Batch:
        """Make a batch of what failed in one that has ended."""
        return await self._batch(calls.retry(batch, only, idempotency_key), timeout)

    async def retag(
        self,
        batch: str,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RetagOptions],
    ) -> Batch:
        """Make a batch of other tags, of the scores that one has kept which has ended."""
        return await self._batch(calls.retag(batch, {**options}, idempotency_key), timeout)

    async def wait(
        self,
        batch: str,
        *,
        timeout: float | None = None,
        progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Wait for a batch's end, and tell each change to `progress`."""
        watch = Watch(batch, timeout, progress)
        while True:
            try:
                left_s = watch.left_s()
                look = self._polled if watch.polls else self._followed
                view = await look(watch, left_s)
            except TagfleetError as error:
                await asyncio.sleep(watch.pause_after(error))
                continue
            if view.is_final:
                return view
            await asyncio.sleep(watch.pause_s())

    def results(self, batch: str) -> AsyncIterator[Row]:
        """What was tagged, line by line in flat memory; of a batch under way as far as it goes."""
        return self._lines(Reading(batch, "results", Line.row))

    def errors(self, batch: str) -> AsyncIterator[Failed]:
        """What failed, and why."""
        return self._lines(Reading(batch, "errors", Line.failed))

    async def dedupe(self, batch: str, *, threshold: float = 0.9) -> tuple[tuple[Alike, ...], ...]:
        """Groups of pictures that look nearly alike. They are compared on another thread."""
        pictures = Pictures(threshold)
        pictures.expect_end(await self.get(batch))
        async for row in self.results(batch):
            pictures.take(row)
        return await asyncio.to_thread(pictures.groups)

    async def _send(self, call: Call, timeout: float | None) -> bytes:
        settings = self._settings
        return await self._transport.send(call, Attempts(settings.retries, settings.time_s(timeout)))

    async def _batch(self, call: Call, timeout: float | None) -> Batch:
        return decoded(await self._send(call, timeout), Batch)

    async def _polled(self, watch: Watch, left_s: float) -> Batch:
        view = await self.get(watch.batch, timeout=min(left_s, self._settings.timeout_s))
        watch.is_over(view)
        return view

    async def _followed(self, watch: Watch, left_s: float) -> Batch:
        """Reads the stream until the batch ends or the time is over."""
        watch.opened()
        try:
            async with asyncio.timeout(None if left_s == float("inf") else left_s):
                async with self._transport.stream(calls.events(watch.batch), left_s) as response:
                    async for piece in response.aiter_bytes():
                        for view in watch.events(piece):
                            if watch.is_over(view):
                                return view
        except TimeoutError as error:
            # The next look at the time tells how far the batch came.
            raise ConnectionLost("the time is over") from error
        raise ConnectionLost("the stream of events ended before the batch")

    async def _lines(self, reading: Reading[K]) -> AsyncIterator[K]:
        outage = Outage(PATIENCE_S)
        while True:
            try:
                async with self._transport.stream(reading.call(), PATIENCE_S) as response:
                    async for piece in response.aiter_bytes():
                        rows = reading.rows(piece)
                        # An answer that always breaks off at the same place is an outage too.
                        if rows:
                            outage.over()
                        for row in rows:
                            yield row
                    if not reading.end(response.headers.get("x-next-cursor")):
                        return
            except TagfleetError as error:
                await asyncio.sleep(outage.pause_after(error))
