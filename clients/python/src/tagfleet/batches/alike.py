"""Which pictures of a batch look nearly alike, as `tagfleet batch dedupe` tells it."""

from __future__ import annotations

import operator
from array import array

from ..answers import Alike, Batch, Row

__all__ = ["Pictures"]

#: A product of 1,280 numbers is so far off.
ROUNDING = 1e-5


class Pictures:
    """Pictures as they come, and their vectors. Whoever is near one of a group belongs to it."""

    def __init__(self, threshold: float) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold is a number from 0 to 1, and not {threshold}")
        self._least = threshold - ROUNDING
        self._rows: list[Row] = []
        self._vectors: list[array[float]] = []

    @staticmethod
    def expect_end(batch: Batch) -> None:
        if not batch.is_final:
            raise ValueError(f"{batch.id} is under way: pictures that are still to come would be left out")

    def take(self, row: Row) -> None:
        embedding = row.answer.embedding
        if embedding is None:
            return
        first = self._rows[0].answer.embedding if self._rows else embedding
        if first is None or first.model != embedding.model:
            raise ValueError("vectors of several models are not to be compared")
        self._rows.append(row)
        self._vectors.append(embedding.vector())

    def groups(self) -> tuple[tuple[Alike, ...], ...]:
        """Those of two or more, in the order of the list. `likeness` is to the first of the group."""
        leader = list(range(len(self._rows)))
        for one in range(len(leader)):
            for other in range(one):
                if self._product(one, other) >= self._least:
                    join(leader, one, other)
        members: dict[int, list[int]] = {}
        for number in range(len(leader)):
            members.setdefault(found(leader, number), []).append(number)
        by_line = [sorted(group, key=lambda number: self._rows[number].line) for group in members.values() if len(group) > 1]
        by_line.sort(key=lambda group: self._rows[group[0]].line)
        return tuple(tuple(self._alike(group[0], number) for number in group) for group in by_line)

    def _alike(self, first: int, number: int) -> Alike:
        row = self._rows[number]
        likeness = round(self._product(first, number), 4)
        return Alike(id=row.id, custom_id=row.custom_id, line=row.line, url=row.url, likeness=likeness)

    def _product(self, one: int, other: int) -> float:
        product: float = sum(map(operator.mul, self._vectors[one], self._vectors[other]))
        return product


def found(leader: list[int], number: int) -> int:
    """The one that stands for the group of a picture."""
    while leader[number] != number:
        leader[number] = leader[leader[number]]
        number = leader[number]
    return number


def join(leader: list[int], one: int, other: int) -> None:
    leader[found(leader, one)] = found(leader, other)
