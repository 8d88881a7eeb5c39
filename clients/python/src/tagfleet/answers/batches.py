"""Batches, and what became of their items."""

from __future__ import annotations

import msgspec

from .tags import Tagged

__all__ = [
    "Alike",
    "Batch",
    "BatchPage",
    "Counts",
    "DryRun",
    "Eta",
    "Event",
    "Failed",
    "Failure",
    "FailureCounts",
    "ListFault",
    "ListFaults",
    "Output",
    "Row",
]

FINAL = frozenset({"completed", "failed", "cancelled", "expired"})


class Counts(msgspec.Struct, frozen=True):
    #: 0 until the whole list is at the service.
    total: int
    completed: int
    failed: int

    @property
    def done(self) -> int:
        return self.completed + self.failed


class Eta(msgspec.Struct, frozen=True):
    """Seconds from now."""

    seconds: int
    earliest: int
    latest: int


class FailureCounts(msgspec.Struct, frozen=True):
    by_code: dict[str, int] = {}
    by_reason: dict[str, int] = {}
    by_host: dict[str, int] = {}


class ListFault(msgspec.Struct, frozen=True):
    code: str
    message: str


class ListFaults(msgspec.Struct, frozen=True):
    data: tuple[ListFault, ...] = ()


class Output(msgspec.Struct, frozen=True):
    """Where results go beside the service."""

    url: str
    status: str
    files: int | None = None
    error: ListFault | None = None


class DryRun(msgspec.Struct, frozen=True):
    sample: float
    listed: int
    #: What the whole list would be, as the service tells it; once the sample is done.
    forecast: dict[str, object] | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch stands. Times are seconds since 1970."""

    id: str
    #: `validating`, `in_progress`, `finalizing`, `cancelling`; at the end `completed`, `failed`, `cancelled`, `expired`.
    status: str
    request_counts: Counts
    created_at: int
    model: str | None = None
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    expired_at: int | None = None
    failed_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    metadata: dict[str, str] = {}
    #: The batch of whose failures this one consists.
    retry_of: str | None = None
    #: The batch of whose kept scores this one makes tags.
    retag_of: str | None = None
    #: What is kept beside the results: `scores`.
    store: str | None = None
    failures: FailureCounts = FailureCounts()
    #: What was odd about the list.
    warnings: tuple[str, ...] = ()
    #: What was wrong with the list, of a batch that failed.
    errors: ListFaults | None = None
    output: Output | None = None
    dry_run: DryRun | None = None
    rate_per_s: float | None = None
    eta: Eta | None = None

    @property
    def is_final(self) -> bool:
        """Nothing changes any more."""
        return self.status in FINAL


class BatchPage(msgspec.Struct, frozen=True):
    #: The newest first.
    data: tuple[Batch, ...]
    has_more: bool
    last_id: str | None = None


class Failure(msgspec.Struct, frozen=True):
    """Why an item failed. `code` is that of the error class which a single request would have raised."""

    code: str
    stage: str
    message: str
    retryable: bool
    attempts: int
    reason: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was tagged."""

    id: str
    custom_id: str
    #: Its row in the list, from 1.
    line: int
    url: str
    answer: Tagged


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of a group that look nearly alike."""

    id: str
    custom_id: str
    line: int
    url: str
    #: To the first of the group: 1 is the same picture.
    likeness: float


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """An item that failed."""

    id: str
    custom_id: str
    line: int
    url: str
    error: Failure


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What a webhook tells: `batch.completed`, `batch.failed`, `batch.cancelled`, `batch.expired`."""

    type: str
    timestamp: str
    data: Batch
