"""Batches of the client that blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from typing import Unpack

from ..answers import Alike, Batch, BatchPage, Failed, Row
from ..calls import Call, decoded
from ..errors import ConnectionLost, TagfleetError
from ..options import BatchOptions, RetagOptions
from ..retries import Attempts, Outage
from ..settings import PATIENCE_S, Settings
from ..transport import Transport
from . import calls
from .alike import Pictures
from .calls import Item, Line, Only
from .reading import K, Reading
from .watch import UPLOAD_S, Watch

__all__ = ["Batches"]

#: The service lets a stream be silent for less. With less time than that one looks now and then instead.
STREAM_S = 20.0


class Batches:
    """Lists of any length: `client.batches`."""

    def __init__(self, transport: Transport, settings: Settings) -> None:
        self._transport = transport
        self._settings = settings

    def submit(
        self,
        items: Iterable[Item] | PathLike[str],
        *,
        idempotency_key: str | None = None,
        timeout: float = UPLOAD_S,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Send a list: URLs, pairs of a name and a URL, or the path of a file (CSV, NDJSON, a URL a line; also .gz, .zst).

        More lines need no more memory. What breaks off is sent again under the same idempotency key, so no list is taken twice.
        """
        with calls.opened(items) as (file, name):
            call = calls.create(file, name, {**options}, idempotency_key)
            return self._batch(call, timeout)

    def submit_manifest(
        self,
        manifest: str,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **options: Unpack[BatchOptions],
    ) -> Batch:
        """Name a list in a bucket or folder that the service may open: `s3://lists/photos.parquet`."""
        return self._batch(calls.named(manifest, {**options}, idempotency_key), timeout)

    def get(self, batch: str, *, timeout: float | None = None) -> Batch:
        return self._batch(calls.get(batch), timeout)

    def list(self) -> Iterator[Batch]:
        """All batches, the newest first."""
        after = None
        while True:
            page = decoded(self._send(calls.listed(after), None), BatchPage)
            yield from page.data
            after = page.last_id
            if not page.has_more or after is None:
                return

    def cancel(self, batch: str, *, timeout: float | None = None) -> Batch:
        """End a batch. What is done stays."""
        return self._batch(calls.cancel(batch), timeout)

    def retry(
        self,
        batch: str,
        *,
        only: Only = "all",
        idempotency_key: str | None = None,
        timeout: float | None = None,
    ) -> Batch:
        """Make a batch of what failed in one that has ended."""
        return self._batch(calls.retry(batch, only, idempotency_key), timeout)

    def retag(
        self,
        batch: str,
        *,
        idempotency_key: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RetagOptions],
    ) -> Batch:
        """Make a batch of other tags, of the scores that one has kept which has ended. No image is fetched."""
        return self._batch(calls.retag(batch, {**options}, idempotency_key), timeout)

    def wait(
        self,
        batch: str,
        *,
        timeout: float | None = None,
        progress: Callable[[Batch], None] | None = None,
    ) -> Batch:
        """Wait for a batch's end, for as long as it takes or for `timeout` seconds, and tell each change to `progress`.

        Servers may come and go meanwhile, unless all are away for five minutes.
        """
        watch = Watch(batch, timeout, progress)
        while True:
            try:
                left_s = watch.left_s()
                look = self._polled if watch.polls or left_s < STREAM_S else self._followed
                view = look(watch, left_s)
            except TagfleetError as error:
                time.sleep(watch.pause_after(error))
                continue
            if view.is_final:
                return view
            time.sleep(watch.pause_s())

    def results(self, batch: str) -> Iterator[Row]:
        """What was tagged, line by line in flat memory; of a batch under way as far as it goes."""
        return self._lines(Reading(batch, "results", Line.row))

    def errors(self, batch: str) -> Iterator[Failed]:
        """What failed, and why."""
        return self._lines(Reading(batch, "errors", Line.failed))

    def dedupe(self, batch: str, *, threshold: float = 0.9) -> tuple[tuple[Alike, ...], ...]:
        """Groups of pictures that look nearly alike, of a batch that has ended and whose `features` had `embedding`.

        `threshold`: how alike two of them are at the least, 0 to 1. Each picture is compared with every other, in Python: a
        thousand take half a minute, twice as many four times as long. `tagfleet batch dedupe` does it for a million.
        Pictures without an embedding are left out.
        """
        pictures = Pictures(threshold)
        pictures.expect_end(self.get(batch))
        for row in self.results(batch):
            pictures.take(row)
        return pictures.groups()

    def _send(self, call: Call, timeout: float | None) -> bytes:
        settings = self._settings
        return self._transport.send(call, Attempts(settings.retries, settings.time_s(timeout)))

    def _batch(self, call: Call, timeout: float | None) -> Batch:
        return decoded(self._send(call, timeout), Batch)

    def _polled(self, watch: Watch, left_s: float) -> Batch:
        view = self.get(watch.batch, timeout=min(left_s, self._settings.timeout_s))
        watch.is_over(view)
        return view

    def _followed(self, watch: Watch, left_s: float) -> Batch:
        """Reads the stream until the batch ends, or until so little time is left that the stream's silence could pass it."""
        watch.opened()
        view = None
        with self._transport.stream(calls.events(watch.batch), left_s) as response:
            for piece in response.iter_bytes():
                for view in watch.events(piece):
                    if watch.is_over(view):
                        return view
                if view is not None and watch.left_s() < STREAM_S:
                    return view
        raise ConnectionLost("the stream of events ended before the batch")

    def _lines(self, reading: Reading[K]) -> Iterator[K]:
        outage = Outage(PATIENCE_S)
        while True:
            try:
                with self._transport.stream(reading.call(), PATIENCE_S) as response:
                    for piece in response.iter_bytes():
                        rows = reading.rows(piece)
                        # An answer that always breaks off at the same place is an outage too.
                        if rows:
                            outage.over()
                        yield from rows
                    if not reading.end(response.headers.get("x-next-cursor")):
                        return
            except TagfleetError as error:
                time.sleep(outage.pause_after(error))
