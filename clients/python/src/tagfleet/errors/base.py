"""What all errors have in common, and the families that programs tell apart."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AuthenticationError",
    "BusyError",
    "ConflictError",
    "ConnectionLost",
    "DeadlinePassed",
    "ImageError",
    "InvalidSignature",
    "NotAnImage",
    "ProblemError",
    "RequestError",
    "ServiceError",
    "TagfleetError",
    "UnreadableAnswer",
]


class TagfleetError(Exception):
    """Whatever a call of this client may raise because of the service or the way to it."""


class ConnectionLost(TagfleetError):
    """The service could not be reached, or hung up before it had answered."""


class DeadlinePassed(TagfleetError, TimeoutError):
    """The call's own time was over before there was an answer."""


class UnreadableAnswer(TagfleetError):
    """The answer is not what this client expects: it does not come from Tagfleet, or from a version that is too far off."""


class NotAnImage(TagfleetError, TypeError):
    """What was given is no URL, no path and no bytes. It was not sent."""


class InvalidSignature(TagfleetError):
    """The webhook was not signed by the service, or too long ago."""


class ProblemError(TagfleetError):
    """The service refused or failed, and said why."""

    #: Stable. A problem that has none of this client's codes is told by its family, with the code that came.
    code: str = "unknown"
    #: The HTTP status with which a code comes, where the service says nothing else.
    usual_status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        stage: str = "unknown",
        retryable: bool = False,
        reason: str | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or self.usual_status
        self.code = code or self.code
        #: Where on the image's way it failed: `admit`, `fetch`, `decode`, …
        self.stage = stage
        #: Whether the same request may succeed later.
        self.retryable = retryable
        #: What came instead of an image, where that is known: `html`, `video`, …
        self.reason = reason
        #: The service tells by it, for an hour, what became of the request.
        self.request_id = request_id
        #: When another try has a chance, where the service said so.
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        named = f" ({self.request_id})" if self.request_id else ""
        return f"{self.code} in {self.stage}: {self.detail}{named}"


class RequestError(ProblemError):
    """The request is wrong, and stays so."""

    usual_status = 400


class AuthenticationError(RequestError):
    """The API key is none, or none any more."""

    usual_status = 401


class ConflictError(ProblemError):
    """What was asked for does not go with what is there: another request, or how a batch stands."""

    usual_status = 409


class ImageError(ProblemError):
    """The image or its host is at fault."""

    usual_status = 422


class BusyError(ProblemError):
    """Too much at once. `retry_after_s` says when to come again."""

    usual_status = 429


class ServiceError(ProblemError):
    """The service is at fault."""
