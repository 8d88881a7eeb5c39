"""How many images of a list may be under way at once, and from when: what the service takes, within what the caller allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ..retries import Retries

__all__ = ["Pace"]


#: A list begins with so many at once. Hundreds of connections at the same moment cost client and service more than they gain.
FIRST_WINDOW = 8


class Pace:
    """A window that grows with each round that is taken, and halves with each that is refused, as TCP's does.

    While a line at the service is too long, a smaller window alone lets it get shorter. Where it takes nothing from anybody, or
    nothing from this key, the whole list halts.
    """

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if most < 1:
            raise ValueError("concurrency must be 1 or more")
        self.most = most
        self._window = float(min(most, FIRST_WINDOW))
        self._clock = clock
        self._chance = chance
        self._pauses = Retries()
        self._halts = 0
        self._cut_at = float("-inf")
        self._resume_at = float("-inf")

    @property
    def _is_first_round(self) -> bool:
        """Nothing was refused yet, so the window doubles with each round."""
        return self._cut_at == float("-inf")

    @property
    def window(self) -> int:
        return int(self._window)

    def pause_s(self) -> float:
        """How long nothing at all is sent."""
        return max(0.0, self._resume_at - self._clock())

    def accepted(self) -> None:
        self._halts = 0
        grown = self._window + (1.0 if self._is_first_round else 1 / self._window)
        self._window = min(float(self.most), grown)

    def refused(self, started_at: float) -> None:
        """The line at the service is too long. What was sent before the last cut says nothing new."""
        if started_at > self._cut_at:
            self._cut_at = self._clock()
            self._window = max(1.0, self._window / 2)

    def halted(self, started_at: float, told_s: float | None) -> None:
        """Nothing is taken at all for now, as long as the service says, or for ever longer times."""
        if started_at > self._cut_at:
            self._halts += 1
        self.refused(started_at)
        if told_s is None:
            told_s = self._pauses.pause(max(1, self._halts), self._chance())
        self._resume_at = max(self._resume_at, self._clock() + told_s)
