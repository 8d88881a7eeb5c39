"""How a batch is awaited, without the waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..answers import Batch
from ..calls import decoded
from ..errors import DeadlinePassed, QuotaExceeded, TagfleetError
from ..retries import Outage
from ..settings import PATIENCE_S, seconds
from .reading import Lines

__all__ = ["UPLOAD_S", "Watch"]

#: As long as the service gives a list to come in.
UPLOAD_S = 3_600.0
#: Between two looks of somebody who may open no stream.
POLL_S = 1.0


class Watch:
    def __init__(
        self,
        batch: str,
        timeout_s: float | None,
        progress: Callable[[Batch], None] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.batch = batch
        self._timeout_s = float("inf") if timeout_s is None else seconds(timeout_s)
        self._deadline = clock() + self._timeout_s
        self._progress = progress
        self._clock = clock
        self._outage = Outage(PATIENCE_S, clock)
        self._last: Batch | None = None
        self._cut = Lines()
        #: A tenant may have so many streams open; beyond that one looks now and then.
        self.polls = False

    def left_s(self) -> float:
        left = self._deadline - self._clock()
        if left <= 0:
            counts = self._last.request_counts if self._last else None
            at = f" (at {counts.done} of {counts.total})" if counts else ""
            raise DeadlinePassed(f"{self.batch} did not end within {self._timeout_s:g} s{at}")
        return left

    def opened(self) -> None:
        self._cut = Lines()

    def events(self, piece: bytes) -> list[Batch]:
        """The states in a piece of the stream, whose events each have one line of data."""
        data = [line.removeprefix(b"data:") for line in self._cut.feed(piece) if line.startswith(b"data:")]
        return [decoded(text, Batch) for text in data]

    def is_over(self, view: Batch) -> bool:
        """Tells whoever wants to know, and whether this was the end."""
        self._outage.over()
        if self._progress is not None and view != self._last:
            self._progress(view)
        self._last = view
        return view.is_final

    def pause_s(self) -> float:
        return min(POLL_S, self.left_s())

    def pause_after(self, error: TagfleetError) -> float:
        if isinstance(error, QuotaExceeded) and not self.polls:
            self.polls = True
            return 0.0
        return min(self._outage.pause_after(error), self.left_s())
