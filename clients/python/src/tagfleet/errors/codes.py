"""A class for each stable code, so that programs name what they handle. A test holds them to the service's own list."""

from .base import AuthenticationError, BusyError, ConflictError, ImageError, ProblemError, RequestError, ServiceError


class InvalidRequest(RequestError):
    """The request is not valid."""

    code = "invalid_request"


class InvalidRow(RequestError):
    """The row of the list cannot be read."""

    code = "invalid_row"


class InvalidUrl(RequestError):
    """The image URL is not valid."""

    code = "invalid_url"


class UnsupportedMediaType(RequestError):
    """The content type is not supported."""

    code = "unsupported_media_type"
    usual_status = 415


class BodyTooLarge(RequestError):
    """The request body is too large."""

    code = "body_too_large"
    usual_status = 413


class NotFound(RequestError):
    """There is nothing here."""

    code = "not_found"
    usual_status = 404


class MethodNotAllowed(RequestError):
    """The method is not allowed here."""

    code = "method_not_allowed"
    usual_status = 405


class ModelNotFound(RequestError):
    """No worker serves that model."""

    code = "model_not_found"
    usual_status = 404


class WebhookNotAllowed(RequestError):
    """The webhook's URL is not allowed."""

    code = "webhook_not_allowed"
    usual_status = 422


class ManifestNotAllowed(RequestError):
    """The manifest's place is not allowed."""

    code = "manifest_not_allowed"
    usual_status = 422


class ManifestUnreadable(RequestError):
    """The manifest cannot be read."""

    code = "manifest_unreadable"
    usual_status = 422


class OutputNotAllowed(RequestError):
    """The results' place is not allowed."""

    code = "output_not_allowed"
    usual_status = 422


class ScoresUnusable(RequestError):
    """There are no scores that tags could be made of."""

    code = "scores_unusable"
    usual_status = 422


class OutputUnwritable(RequestError):
    """The results cannot be written to their place."""

    code = "output_unwritable"
    usual_status = 422


class RequestTimeout(RequestError):
    """The request took too long to arrive."""

    code = "request_timeout"
    usual_status = 408


class Unauthorized(AuthenticationError):
    """A valid API key is needed."""

    code = "unauthorized"


class KeyRevoked(AuthenticationError):
    """The API key is revoked."""

    code = "key_revoked"


class KeyReadOnly(AuthenticationError):
    """The API key may only read."""

    code = "key_read_only"
    usual_status = 403


class RateLimited(BusyError):
    """The API key's rate is exceeded."""

    code = "rate_limited"


class QuotaExceeded(BusyError):
    """The tenant has as many of these as it may."""

    code = "quota_exceeded"


class Overloaded(BusyError):
    """The fleet is busy."""

    code = "overloaded"


class IdempotencyMismatch(ConflictError):
    """The idempotency key was used for another request."""

    code = "idempotency_mismatch"
    usual_status = 422


class IdempotencyInFlight(ConflictError):
    """A request with this idempotency key is under way."""

    code = "idempotency_in_flight"


class BatchUnderWay(ConflictError):
    """The batch has not ended yet."""

    code = "batch_under_way"


class BatchCancelled(ConflictError):
    """The batch was cancelled before this item was done."""

    code = "batch_cancelled"


class BatchExpired(ConflictError):
    """The batch's time was over before this item was done."""

    code = "batch_expired"


class SourceNotAllowed(ImageError):
    """The image's place is not allowed."""

    code = "source_not_allowed"


class SourceUnreachable(ImageError):
    """The image's host cannot be reached."""

    code = "source_unreachable"


class SourceHttpError(ImageError):
    """The image's host answered with an error."""

    code = "source_http_error"


class SourceTimeout(ImageError):
    """The image's host was too slow."""

    code = "source_timeout"


class SourceTooLarge(ImageError):
    """The image file is too large."""

    code = "source_too_large"


class SourceIncomplete(ImageError):
    """The image's host sent less than it announced."""

    code = "source_incomplete"


class TooManyRedirects(ImageError):
    """The image's host redirects too often."""

    code = "too_many_redirects"


class UnsupportedEncoding(ImageError):
    """The image's host used a content encoding that was not asked for."""

    code = "unsupported_encoding"


class SourceBusy(ImageError):
    """Too many images are being fetched from the image's host."""

    code = "source_busy"


class SourceForbidsAi(ImageError):
    """The image's host forbids its use by AI."""

    code = "source_forbids_ai"


class EmptyImage(ImageError):
    """The image has no bytes."""

    code = "empty_image"


class UnsupportedFormat(ImageError):
    """The bytes are not an image format that is read here."""

    code = "unsupported_format"


class ImageInvalid(ImageError):
    """The image cannot be decoded."""

    code = "image_invalid"


class ImageTruncated(ImageError):
    """The image ends too early."""

    code = "image_truncated"


class ImageTooLarge(ImageError):
    """The image has too many pixels."""

    code = "image_too_large"


class BadAspect(ImageError):
    """The image is too narrow."""

    code = "bad_aspect"


class TooManyFrames(ImageError):
    """The animation has too many frames."""

    code = "too_many_frames"


class DecodeTimeout(ImageError):
    """Decoding the image took too long."""

    code = "decode_timeout"


class QueueUnavailable(ServiceError):
    """The queue cannot be reached."""

    code = "queue_unavailable"
    usual_status = 503


class ResultsUnavailable(ServiceError):
    """The result store cannot be reached."""

    code = "results_unavailable"
    usual_status = 503


class StoreUnavailable(ServiceError):
    """The object store cannot be reached."""

    code = "store_unavailable"
    usual_status = 503


class NoWorkers(ServiceError):
    """No worker is running."""

    code = "no_workers"
    usual_status = 503


class DeadlineExceeded(ServiceError):
    """The result did not come in time."""

    code = "deadline_exceeded"
    usual_status = 504


class TooManyAttempts(ServiceError):
    """Workers failed repeatedly on this image."""

    code = "too_many_attempts"


class InferenceFailed(ServiceError):
    """The model failed on this image."""

    code = "inference_failed"


class Internal(ServiceError):
    """Internal error."""

    code = "internal"


def _classes(family: type[ProblemError]) -> list[type[ProblemError]]:
    below = family.__subclasses__()
    return [*below, *(each for kind in below for each in _classes(kind))]


#: By code. Families have none.
BY_CODE: dict[str, type[ProblemError]] = {kind.code: kind for kind in _classes(ProblemError) if kind.code != ProblemError.code}
