"""From an answer that is none to an error: problem+json (RFC 9457), or whatever something between here and the service says."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping

import msgspec

from .errors import BY_CODE, BusyError, ProblemError, RequestError, ServiceError

__all__ = ["problem"]

#: Statuses after which another try may help, where nobody says whether it does.
RETRYABLE = frozenset({408, 409, 429})


class Problem(msgspec.Struct):
    detail: str
    code: str
    stage: str = "unknown"
    retryable: bool | None = None
    reason: str | None = None
    request_id: str | None = None


def problem(status: int, headers: Mapping[str, str], body: bytes) -> ProblemError:
    try:
        told = msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        # A proxy's page: its words are of no use to a program, and may be long.
        told = Problem(detail=f"HTTP status {status} without a problem of Tagfleet's", code=f"http_{status}")
    kind = BY_CODE.get(told.code) or family(status)
    return kind(
        told.detail,
        status=status,
        code=told.code,
        stage=told.stage,
        retryable=should_retry(status, headers, told.retryable),
        reason=told.reason,
        request_id=told.request_id or headers.get("x-request-id"),
        retry_after_s=retry_after_s(headers),
    )


def family(status: int) -> type[ProblemError]:
    """For a code of a newer service."""
    if status == 429:
        return BusyError
    return RequestError if status < 500 else ServiceError


def should_retry(status: int, headers: Mapping[str, str], told: bool | None) -> bool:
    match headers.get("x-should-retry"):
        case "true":
            return True
        case "false":
            return False
    if told is not None:
        return told
    return status in RETRYABLE or status >= 500


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, by the milliseconds where those are told, and by a date where a proxy tells one."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        # Neither NaN nor a time that never comes is a pause.
        if 0 <= seconds < float("inf"):
            return seconds
    date = email.utils.parsedate_tz(headers.get("retry-after"))
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None
