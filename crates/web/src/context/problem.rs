//! The one place where a fault becomes HTTP (RFC 9457).

use std::time::Duration;

use axum::{
    Json,
    extract::Path,
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use common::{
    fault::{Code, Fault, Reason},
    stage::Stage,
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema, schema::ObjectBuilder},
};

use super::RequestId;

pub const PROBLEM_JSON: &str = "application/problem+json";
/// As `retry-after`, to the millisecond; clients of OpenAI's kind heed both of these.
pub const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
pub const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

const NOT_FOUND: &str = "No such path; /docs lists all there are.";
const METHOD_NOT_ALLOWED: &str = "This path has other methods; /docs lists them.";

/// An error, as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained, relative to this server.
    #[serde(rename = "type")]
    #[schema(example = "/problems/source_unreachable")]
    pub kind: String,
    #[schema(example = "The image's host cannot be reached")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What was wrong with this very request, for people.
    pub detail: String,
    /// Stable, for programs.
    #[schema(schema_with = code_schema)]
    pub code: &'static str,
    /// The stage of the image's way at which it failed.
    #[schema(example = "fetch")]
    pub stage: &'static str,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// What came instead of an image that is read, where that is known.
    #[schema(schema_with = reason_schema)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub request_id: String,
    /// When trying again has a chance, where that could be foretold.
    #[serde(skip)]
    retry_after: Option<Duration>,
}

fn code_schema() -> RefOr<Schema> {
    let codes = Code::ALL.iter().map(|code| code.name());
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(codes))
        .into()
}

fn reason_schema() -> RefOr<Schema> {
    let reasons = Reason::ALL.iter().map(|reason| reason.name());
    ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .enum_values(Some(reasons))
        .into()
}

impl Problem {
    pub fn new(fault: Fault, id: &RequestId) -> Self {
        Self {
            kind: format!("/problems/{}", fault.code.name()),
            title: fault.code.title(),
            status: fault.code.status(),
            detail: fault.detail,
            code: fault.code.name(),
            stage: fault.stage.name(),
            retryable: fault.retryable,
            reason: fault.reason.map(Reason::name),
            request_id: id.to_string(),
            retry_after: fault.retry_after,
        }
    }

    /// For an answer of which nothing but the status is known.
    pub fn of_status(status: StatusCode, id: &RequestId) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (Code::NotFound, NOT_FOUND),
            StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, METHOD_NOT_ALLOWED),
            status if status.is_client_error() => (
                Code::InvalidRequest,
                "The path or the query cannot be read.",
            ),
            _ => return Self::new(Fault::bug(Stage::Admit), id),
        };
        Self::new(Fault::new(code, Stage::Admit, detail), id)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_told = self.retry_after;
        let should_retry = if self.retryable { "true" } else { "false" };
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"tagfleet\""),
            );
        }
        if let Some(wait) = retry_after(status, retry_after_told) {
            let ms = wait.as_micros().div_ceil(1_000) as u64;
            headers.insert(header::RETRY_AFTER, ms.div_ceil(1_000).into());
            headers.insert(RETRY_AFTER_MS, ms.into());
        }
        headers.insert(SHOULD_RETRY, HeaderValue::from_static(should_retry));
        response
    }
}

/// Returns how long to stay away: as foretold, and otherwise what a full server needs to drain, or a lost broker to come back.
fn retry_after(status: StatusCode, foretold: Option<Duration>) -> Option<Duration> {
    let usual = match status {
        StatusCode::TOO_MANY_REQUESTS => Duration::from_secs(1),
        StatusCode::SERVICE_UNAVAILABLE => Duration::from_secs(3),
        _ => return None,
    };
    Some(foretold.unwrap_or(usual))
}

/// What a code means.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemKind {
    #[schema(schema_with = code_schema)]
    code: &'static str,
    title: &'static str,
    status: u16,
    /// Whether trying again can help, unless a problem's own `retryable` says otherwise.
    retryable: bool,
}

/// What an error code means
#[utoipa::path(
    get, path = "/problems/{code}", tag = "Service",
    params(("code" = String, Path, description = "A problem's `code`")),
    responses(
        (status = 200, body = ProblemKind),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn explain(Path(name): Path<String>, id: RequestId) -> Response {
    match Code::ALL.iter().find(|code| code.name() == name) {
        Some(code) => Json(ProblemKind {
            code: code.name(),
            title: code.title(),
            status: code.status(),
            retryable: code.retryable(),
        })
        .into_response(),
        None => not_found(id).await,
    }
}

/// Answers a path that there is none of. It is logged, since whoever asks may have a typing error in his settings.
pub async fn unknown_path(id: RequestId, uri: Uri) -> Response {
    tracing::info!(%id, path = uri.path(), "no such path");
    not_found(id).await
}

pub async fn not_found(id: RequestId) -> Response {
    Problem::of_status(StatusCode::NOT_FOUND, &id).into_response()
}

/// Answers a method that a path has not. Whoever asks which it has (OPTIONS) is told so: the router adds `Allow`.
pub async fn method_not_allowed(id: RequestId, method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Problem::of_status(StatusCode::METHOD_NOT_ALLOWED, &id).into_response()
}
