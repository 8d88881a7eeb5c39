"""Options of a request by name, as the service has them: docs/api.md and docs/batches.md of Tagfleet explain each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

__all__ = ["BatchOptions", "Feature", "TagOptions"]

Feature = Literal["tags", "caption", "people", "safety", "text", "reading", "colors", "quality", "embedding", "exif"]


class AskedOptions(TypedDict, total=False):
    """What to answer of an image."""

    features: Sequence[Feature]
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
