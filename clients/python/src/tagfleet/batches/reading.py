"""Lines that come in pieces. An answer that breaks off is asked for again, and no line is told twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..calls import PlainCall, decoded
from ..errors import ConnectionLost
from .calls import Line, Part, lines

__all__ = ["K", "Lines", "Reading"]

K = TypeVar("K")


class Lines:
    """Cuts at line feeds alone: text may hold other ends of lines, such as U+2028."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return whole

    @property
    def is_whole(self) -> bool:
        return not self._rest


class Reading(Generic[K]):
    """The results or the errors of a batch, page by page. `told`: what a line is for the caller."""

    def __init__(self, batch: str, part: Part, told: Callable[[Line], K]) -> None:
        self._batch = batch
        self._part: Part = part
        self._as_told = told
        self._after: str | None = None
        #: Lines of this page that the caller has.
        self._told = 0
        self._seen = 0
        self._cut = Lines()

    def call(self) -> PlainCall:
        """Asks for the page, from its beginning."""
        self._seen = 0
        self._cut = Lines()
        return lines(self._batch, self._part, self._after)

    def rows(self, piece: bytes) -> list[K]:
        """What a piece of the answer brings that was not told before."""
        told = []
        for line in self._cut.feed(piece):
            self._seen += 1
            if self._seen > self._told:
                self._told += 1
                told.append(self._as_told(decoded(line, Line)))
        return told

    def end(self, next_cursor: str | None) -> bool:
        """At the end of an answer: whether there may be more. `next_cursor`: where it says that it ends."""
        if next_cursor is None or not self._cut.is_whole:
            raise ConnectionLost("the lines broke off")
        has_lines = self._seen > 0
        self._after = next_cursor
        self._told = 0
        return has_lines
