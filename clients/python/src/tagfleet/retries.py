"""When a call that failed is tried again: as openai-python does it, and never past the call's deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import ConnectionLost, DeadlinePassed, ProblemError, TagfleetError

__all__ = ["Attempts", "ListAttempts", "Outage", "Retries", "is_refusal"]


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is tried again, and after which pauses where the service names none."""

    most: int = 2
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0

    def pause(self, failed: int, chance: float) -> float:
        """The pause after so many failed tries, up to a quarter shorter by chance, so that clients do not come back together."""
        doubled = self.first_pause_s * 2.0 ** min(failed - 1, 30)
        return min(doubled, self.longest_pause_s) * (1 - 0.25 * chance)


class Attempts:
    """The tries of one call. Knows the time, and neither waits nor sends, so that both clients share it."""

    def __init__(
        self,
        retries: Retries,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retries = retries
        self._clock = clock
        self._chance = chance
        self._timeout_s = timeout_s
        self._deadline = clock() + timeout_s
        self._failed = 0

    def left_s(self) -> float:
        """The time that is left for a try."""
        left = self._deadline - self._clock()
        if left <= 0:
            raise DeadlinePassed(f"no answer within {self._timeout_s:g} s")
        return left

    def pause_after(self, error: TagfleetError) -> float:
        """The pause before the next try; raises the error where there is none."""
        self._failed += 1
        if self._failed > self._retries.most or not may_help(error):
            raise error
        told = error.retry_after_s if isinstance(error, ProblemError) else None
        pause = self._retries.pause(self._failed, self._chance()) if told is None else told
        # Nobody is kept waiting for a try that would come too late.
        if self._clock() + pause >= self._deadline:
            raise error
        return pause


def may_help(error: TagfleetError) -> bool:
    """Whether the same request may succeed later."""
    match error:
        case ProblemError():
            return error.retryable
        case _:
            return isinstance(error, ConnectionLost)


def is_refusal(error: BaseException) -> bool:
    """Whether the service does no work now, whatever the image: it is full, lacks something, or cannot be reached."""
    if isinstance(error, ProblemError):
        return error.retryable and error.status in (429, 503)
    return isinstance(error, ConnectionLost)


class ListAttempts(Attempts):
    """The tries of one image of many. A refusal is told at once, since the whole list waits, and counts as no try."""

    def pause_after(self, error: TagfleetError) -> float:
        if is_refusal(error):
            raise error
        return super().pause_after(error)


class Outage:
    """How long somebody who watches or reads for hours puts up with a service that is away. Any answer ends an outage."""

    def __init__(
        self,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._chance = chance
        self._failed = 0
        self._since = 0.0

    def over(self) -> None:
        self._failed = 0

    def pause_after(self, error: TagfleetError) -> float:
        if not may_help(error):
            raise error
        now = self._clock()
        if self._failed == 0:
            self._since = now
        self._failed += 1
        told = error.retry_after_s if isinstance(error, ProblemError) else None
        pause = Retries().pause(self._failed, self._chance()) if told is None else told
        if now + pause - self._since > self._patience_s:
            raise error
        return pause
