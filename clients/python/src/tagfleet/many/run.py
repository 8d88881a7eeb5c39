"""A list of images on its way: what is sent next, and what becomes of what came back. Neither waits nor sends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..answers import TagAnswer
from ..calls import Image
from ..errors import ProblemError, TagfleetError
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


@dataclass(slots=True)
class Item(Generic[ImageT]):
    """An image that is under way, or was refused."""

    index: int
    image: ImageT
    started_at: float = 0.0
    refused_at: float | None = None


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
        self._refused: deque[Item[ImageT]] = deque()
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
        item = self._next()
        if item is not None:
            item.started_at = self._clock()
            self._running += 1
        return item

    def pause_s(self) -> float | None:
        """How long to wait at the most before `take` is asked again."""
        return self._pace.pause_s() or None

    def is_over(self) -> bool:
        """Whether nothing is under way and nothing is left; to be asked after `take` gave `None`."""
        return self._running == 0 and self._pace.pause_s() == 0 and not self._refused

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

    def _next(self) -> Item[ImageT] | None:
        if self._refused:
            return self._refused.popleft()
        found = next(self._images, None)
        return None if found is None else Item(*found)

    def _waits(self, item: Item[ImageT], error: BaseException) -> bool:
        told_s = error.retry_after_s if isinstance(error, ProblemError) else None
        now = self._clock()
        if item.refused_at is None:
            item.refused_at = now
        left_s = item.refused_at + self._patience_s - now
        # A day's quota that is used up holds up nothing that other keys or models could still do.
        if (told_s or 0) > left_s or left_s <= 0:
            return False
        self._pace.refused(item.started_at, told_s)
        self._refused.append(item)
        return True

    def _told(self, outcome: Outcome[ImageT]) -> Outcome[ImageT]:
        if self._tell is not None:
            self._tell(Progress(self._tagged, self._failed, self._refusals, self._pace.window))
        return outcome
