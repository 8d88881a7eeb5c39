"""Options of a request by name, as the service has them: docs/api.md and docs/batches.md of Tagfleet explain each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Literal, TypedDict

__all__ = ["BatchOptions", "Feature", "RetagOptions", "SearchOptions", "TagOptions", "normal"]

Feature = Literal["tags", "caption", "people", "safety", "text", "reading", "colors", "quality", "embedding", "exif"]


class Selection(TypedDict, total=False):
    """Which tags of an image are told, and how."""

    #: At most so many tags.
    limit: int
    #: Least confidence of a tag.
    threshold: float
    language: Literal["en", "ko"]
    #: Only tags of these categories.
    categories: Sequence[str]
    #: Only these tags and what is below them.
    include: Sequence[str]
    #: Never these tags nor what is below them.
    exclude: Sequence[str]
    #: Words of your own, `word = expression` a line.
    vocabulary: str


class AskedOptions(Selection, total=False):
    """What to answer of an image."""

    features: Sequence[Feature]
    model: str


class TagOptions(AskedOptions, total=False):
    """The options of a single image."""

    #: The service's time for one try, milliseconds. It is cut to what is left of the call's own time.
    timeout_ms: int
    client_ref: str
    cache: Literal["no-store"]
    explain: bool


class BatchOptions(AskedOptions, total=False):
    """The options of a batch."""

    metadata: dict[str, str]
    completion_window_h: int
    webhook_url: str
    output: str
    #: Look at this share of the list alone, and say what the whole list would be.
    dry_run: float
    #: What is kept beside the results, so that tags can be made anew.
    store: Literal["scores"]
    strict: bool
    url_column: str
    id_column: str
    format: Literal["ndjson", "csv", "text", "parquet"]


class RetagOptions(Selection, total=False):
    """What kept scores can be asked. What the rest means stands at `BatchOptions`."""

    metadata: dict[str, str]
    completion_window_h: int
    webhook_url: str
    output: str


class SearchOptions(TypedDict, total=False):
    """The options of a search."""

    #: At most so many tags.
    limit: int
    #: How near a tag has to be at the least.
    threshold: float
    #: In which the tags are named.
    language: Literal["en", "ko"]


LISTS = frozenset({"features", "categories", "include", "exclude"})
WHOLE = frozenset({"limit", "timeout_ms", "completion_window_h"})
NUMBERS = frozenset({"threshold", "dry_run"})
TRUTHS = frozenset({"explain", "strict"})
TEXTS = frozenset(
    {"language", "vocabulary", "model", "client_ref", "cache", "webhook_url", "output", "store", "url_column", "id_column", "format"}
)


def normal(options: Mapping[str, object]) -> dict[str, object]:
    """The options that are given, each of its own kind, so that they mean the same in JSON and in a query."""
    return {name: value(name, given) for name, given in options.items() if given is not None}


def value(name: str, given: object) -> object:
    if name in LISTS:
        return names(name, given)
    if name in WHOLE and isinstance(given, Integral) and not isinstance(given, bool):
        return int(given)
    if name in NUMBERS and isinstance(given, Real) and not isinstance(given, bool):
        # JSON has no word for what is no number, and would leave the option out.
        if not math.isfinite(given):
            raise ValueError(f"{name} is a number, and not {given}")
        return float(given)
    if name in TRUTHS and isinstance(given, bool):
        return given
    if name in TEXTS and isinstance(given, str):
        return given
    if name in WHOLE | NUMBERS | TRUTHS | TEXTS:
        raise TypeError(f"{name} is {kind(name)}, and not {given!r}")
    # What a newer service has is for that service to judge.
    return given


def names(name: str, given: object) -> list[str]:
    """A list of texts. One text is a list of one, whatever is in it."""
    if isinstance(given, str):
        return [given]
    found = list(given) if isinstance(given, Iterable) and not isinstance(given, Mapping) else [None]
    texts = [each for each in found if isinstance(each, str)]
    if len(texts) < len(found):
        raise TypeError(f"{name} is a list of texts, and not {given!r}")
    return texts


def kind(name: str) -> str:
    if name in WHOLE:
        return "a whole number"
    if name in NUMBERS:
        return "a number"
    return "True or False" if name in TRUTHS else "a text"
