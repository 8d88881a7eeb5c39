"""How many images of a list may be under way at once, and from when: what the service takes, within what the caller allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from ..retries import Retries

__all__ = ["Pace"]


class Pace:
    """A window that grows by one with each round that is taken, and halves with each that is refused, as TCP's does."""

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if most < 1:
            raise ValueError("concurrency must be 1 or more")
        self._most = float(most)
        self._window = float(most)
        self._clock = clock
        self._chance = chance
        self._pauses = Retries()
        self._refused_rounds = 0
        self._cut_at = float("-inf")
        self._resume_at = float("-inf")

    @property
    def window(self) -> int:
        return int(self._window)

    def pause_s(self) -> float:
        """How long nothing is sent."""
        return max(0.0, self._resume_at - self._clock())

    def accepted(self) -> None:
        self._refused_rounds = 0
        self._window = min(self._most, self._window + 1 / self._window)

    def refused(self, started_at: float, told_s: float | None) -> None:
        """`started_at`: when what is refused was sent. What was sent before the last cut says nothing new."""
        now = self._clock()
        if started_at > self._cut_at:
            self._refused_rounds += 1
            self._window = max(1.0, self._window / 2)
            self._cut_at = now
        if told_s is None:
            told_s = self._pauses.pause(max(1, self._refused_rounds), self._chance())
        self._resume_at = max(self._resume_at, now + told_s)
