//! A failure as a user sees it: a stable code, where it happened, and whether
//! trying again can help. HTTP status is decided at the API's edge alone.

mod reason;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stage::Stage;

pub use reason::Reason;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $retryable:literal, $title:literal;)+) => {
        /// Stable codes. A name, once published, never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[$doc])* $variant,)+
            /// A code of a newer peer.
            #[serde(other)]
            Unknown,
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ Code::Unknown => "internal" }
            }

            /// The HTTP status in which the API answers it.
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)+ Code::Unknown => 500 }
            }

            /// Returns whether the same request may succeed later, unless the fault says otherwise.
            pub fn retryable(self) -> bool {
                match self { $(Code::$variant => $retryable,)+ Code::Unknown => true }
            }

            pub fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ Code::Unknown => "Internal error" }
            }
        }
    };
}

codes! {
    // The request itself
    InvalidRequest = "invalid_request", 400, false, "The request is not valid";
    InvalidRow = "invalid_row", 400, false, "The row of the list cannot be read";
    InvalidUrl = "invalid_url", 400, false, "The image URL is not valid";
    UnsupportedMediaType = "unsupported_media_type", 415, false, "The content type is not supported";
    BodyTooLarge = "body_too_large", 413, false, "The request body is too large";
    NotFound = "not_found", 404, false, "There is nothing here";
    MethodNotAllowed = "method_not_allowed", 405, false, "The method is not allowed here";
    Unauthorized = "unauthorized", 401, false, "A valid API key is needed";
    KeyRevoked = "key_revoked", 401, false, "The API key is revoked";
    KeyReadOnly = "key_read_only", 403, false, "The API key may only read";
    RateLimited = "rate_limited", 429, true, "The API key's rate is exceeded";
    QuotaExceeded = "quota_exceeded", 429, true, "The tenant has as many of these as it may";
    ModelNotFound = "model_not_found", 404, false, "No worker serves that model";
    IdempotencyMismatch = "idempotency_mismatch", 422, false, "The idempotency key was used for another request";
    IdempotencyInFlight = "idempotency_in_flight", 409, true, "A request with this idempotency key is under way";
    /// Nobody sees it as an answer.
    ClientGone = "client_gone", 499, true, "The client hung up before it was answered";
    BatchUnderWay = "batch_under_way", 409, true, "The batch has not ended yet";
    BatchCancelled = "batch_cancelled", 409, false, "The batch was cancelled before this item was done";
    BatchExpired = "batch_expired", 409, false, "The batch's time was over before this item was done";
    ScoresUnusable = "scores_unusable", 422, false, "There are no scores that tags could be made of";
    WebhookNotAllowed = "webhook_not_allowed", 422, false, "The webhook's URL is not allowed";
    SourceNotAllowed = "source_not_allowed", 422, false, "The image's place is not allowed";
    ManifestNotAllowed = "manifest_not_allowed", 422, false, "The manifest's place is not allowed";
    ManifestUnreadable = "manifest_unreadable", 422, true, "The manifest cannot be read";
    OutputNotAllowed = "output_not_allowed", 422, false, "The results' place is not allowed";
    OutputUnwritable = "output_unwritable", 422, true, "The results cannot be written to their place";
    RequestTimeout = "request_timeout", 408, true, "The request took too long to arrive";
    // The origin of the image
    SourceUnreachable = "source_unreachable", 422, false, "The image's host cannot be reached";
    SourceHttpError = "source_http_error", 422, false, "The image's host answered with an error";
    SourceTimeout = "source_timeout", 422, true, "The image's host was too slow";
    SourceTooLarge = "source_too_large", 422, false, "The image file is too large";
    SourceIncomplete = "source_incomplete", 422, true, "The image's host sent less than it announced";
    TooManyRedirects = "too_many_redirects", 422, false, "The image's host redirects too often";
    UnsupportedEncoding = "unsupported_encoding", 422, false, "The image's host used a content encoding that was not asked for";
    SourceBusy = "source_busy", 422, true, "Too many images are being fetched from the image's host";
    SourceForbidsAi = "source_forbids_ai", 422, false, "The image's host forbids its use by AI";
    // The image
    EmptyImage = "empty_image", 422, false, "The image has no bytes";
    UnsupportedFormat = "unsupported_format", 422, false, "The bytes are not an image format that is read here";
    ImageInvalid = "image_invalid", 422, false, "The image cannot be decoded";
    ImageTruncated = "image_truncated", 422, false, "The image ends too early";
    ImageTooLarge = "image_too_large", 422, false, "The image has too many pixels";
    BadAspect = "bad_aspect", 422, false, "The image is too narrow";
    TooManyFrames = "too_many_frames", 422, false, "The animation has too many frames";
    DecodeTimeout = "decode_timeout", 422, false, "Decoding the image took too long";
    // The fleet
    Overloaded = "overloaded", 429, true, "The fleet is busy";
    QueueUnavailable = "queue_unavailable", 503, true, "The queue cannot be reached";
    ResultsUnavailable = "results_unavailable", 503, true, "The result store cannot be reached";
    StoreUnavailable = "store_unavailable", 503, true, "The object store cannot be reached";
    NoWorkers = "no_workers", 503, true, "No worker is running";
    DeadlineExceeded = "deadline_exceeded", 504, true, "The result did not come in time";
    TooManyAttempts = "too_many_attempts", 500, false, "Workers failed repeatedly on this image";
    InferenceFailed = "inference_failed", 500, true, "The model failed on this image";
    Internal = "internal", 500, true, "Internal error";
}

/// One failure, on its way to the user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{} in {}: {detail}", code.name(), stage.name())]
pub struct Fault {
    pub code: Code,
    pub stage: Stage,
    /// For people. Never holds addresses, keys or anything internal.
    pub detail: String,
    pub retryable: bool,
    /// When trying again has a chance, where that can be foretold. Whoever refuses tells his own client.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// For programs that count: what came instead of an image, where that is known. Peers of before send none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Fault {
    pub fn new(code: Code, stage: Stage, detail: impl Into<String>) -> Self {
        Self {
            code,
            stage,
            detail: detail.into(),
            retryable: code.retryable(),
            retry_after: None,
            reason: None,
        }
    }

    /// Tells a client what is wrong with its request.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, Stage::Admit, detail)
    }

    /// Tells a client that it is not to blame. What happened is in the log.
    pub fn bug(stage: Stage) -> Self {
        let detail = "This is a bug in the server, not in the request.";
        Self::new(Code::Internal, stage, detail)
    }

    /// Adds what a program can count.
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// The origin's 5xx is worth another try where its 404 is not.
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_the_published_ones() {
        for code in Code::ALL {
            let wire = serde_json::to_value(code).expect("serialises");
            assert_eq!(wire, code.name());
        }
    }

    #[test]
    fn a_newer_peers_code_is_an_internal_error() {
        let code: Code = serde_json::from_str(r#""teapot""#).expect("any name is taken");
        assert_eq!((code, code.status()), (Code::Unknown, 500));
    }
}
