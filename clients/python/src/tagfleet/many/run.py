"""A list of images on its way: what is sent next, and what becomes of what came back. Neither waits nor sends."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ..answers import TagAnswer
from ..calls import Image
from ..errors import Overloaded, ProblemError, TagfleetError
from ..retries import is_refusal
from .pace import Pace

__all__ = ["Item", "Outcome", "Progress", "Run"]

ImageT = TypeVar("ImageT", bound=Image)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ImageT]):
    """What became of one image of a list: an answer or an error."""

    #: Its place in the list, from 0.
    index: int
    image: ImageT
    answer: TagAnswer | None = None
    #: `OSError` where a file could not be read.
    error: TagfleetError | OSError | None = None

    def unwrap(self) -> TagAnswer:
        """Return the answer, or raise the error."""
        if self.answer is None:
            raise self.error or AssertionError("an outcome is an answer or an error")
        return self.answer


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a list is."""

    tagged: int = 0
    failed: int = 0
    #: How often the service refused an image for now; each was sent again.
    refused: int = 0
    #: How many may be under way at once now.
    window: int = 0


@dataclass(slots=True, order=True)
class Item(Generic[ImageT]):
    """An image that is under way, or was refused. The one that may go first is the least."""

    ready_at: float
    index: int
    image: ImageT = field(compare=False)
    started_at: float = field(default=0.0, compare=False)
    refused_at: float | None = field(default=None, compare=False)


class Run(Generic[ImageT]):
    def __init__(
        self,
        images: Iterable[ImageT],
        pace: Pace,
        patience_s: float,
        progress: Callable[[Progress], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = enumerate(images)
        self._is_read = False
        #: Refused ones, a heap by when they may go again.
        self._refused: list[Item[ImageT]] = []
        self._pace = pace
        self._patience_s = patience_s
        self._tell = progress
        self._clock = clock
        self._running = 0
        self._tagged = 0
        self._failed = 0
        self._refusals = 0

    def take(self) -> Item[ImageT] | None:
        """The next image to send; `None` while there is none to be sent. Those that were refused go first."""
        if self._running >= self._pace.window or self._pace.pause_s() > 0:
            return None
        item = self._next(self._clock())
        if item is not None:
            item.started_at = self._clock()
            self._running += 1
        return item

    def pause_s(self) -> float | None:
        """How long to wait at the most before `take` is asked again; `None` until one that is under way ends."""
        halt_s = self._pace.pause_s()
        if halt_s > 0 or not self._refused or self._running >= self._pace.window:
            return halt_s or None
        return max(0.0, self._refused[0].ready_at - self._clock())

    def is_over(self) -> bool:
        """Whether nothing is under way and nothing is left; to be asked after `take` gave `None`."""
        return self._running == 0 and self._is_read and not self._refused

    def ended(self, item: Item[ImageT], result: Callable[[], TagAnswer]) -> Outcome[ImageT] | None:
        """What became of one; `None` of one that is going to be sent again."""
        self._running -= 1
        try:
            answer = result()
        except (TagfleetError, OSError) as error:
            return self._after(item, error)
        self._tagged += 1
        self._pace.accepted()
        return self._told(Outcome(item.index, item.image, answer=answer))

    def _after(self, item: Item[ImageT], error: TagfleetError | OSError) -> Outcome[ImageT] | None:
        if is_refusal(error):
            self._refusals += 1
            if self._waits(item, error):
                return None
        self._failed += 1
        return self._told(Outcome(item.index, item.image, error=error))

    def _next(self, now: float) -> Item[ImageT] | None:
        if self._refused and self._refused[0].ready_at <= now:
            return heapq.heappop(self._refused)
        # No more are read while as many wait as there may be under way: a list may be endless, and memory is not.
        if self._is_read or len(self._refused) >= self._pace.most:
            return None
        found = next(self._images, None)
        if found is None:
            self._is_read = True
            return None
        return Item(now, *found)

    def _waits(self, item: Item[ImageT], error: BaseException) -> bool:
        told_s = error.retry_after_s if isinstance(error, ProblemError) else None
        now = self._clock()
        if item.refused_at is None:
            item.refused_at = now
        left_s = item.refused_at + self._patience_s - now
        # A day's quota that is used up holds up nothing that other keys or models could still do.
        if (told_s or 0) > left_s or left_s <= 0:
            return False
        if isinstance(error, Overloaded):
            self._pace.refused(item.started_at)
        else:
            self._pace.halted(item.started_at, told_s)
        item.ready_at = now + (told_s or 0.0)
        heapq.heappush(self._refused, item)
        return True

    def _told(self, outcome: Outcome[ImageT]) -> Outcome[ImageT]:
        if self._tell is not None:
            self._tell(Progress(self._tagged, self._failed, self._refusals, self._pace.window))
        return outcome
