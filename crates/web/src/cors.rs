//! Pages of other origins that may call this API from a browser: those that the operator names.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::context::{RETRY_AFTER_MS, SERVER_TIMING, SHOULD_RETRY};

/// A browser asks again after this.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Those of all routes.
const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];

/// Headers of requests that mean something here. A test holds them, and those below, against the OpenAPI document.
const READ: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-request-id"),
];

/// Headers of answers, but for those that every page may read.
const ANSWERED: [HeaderName; 13] = [
    header::ALLOW,
    header::CONTENT_ENCODING,
    header::ETAG,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("cache-status"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-next-cursor"),
    HeaderName::from_static("x-request-id"),
    RETRY_AFTER_MS,
    SERVER_TIMING,
    SHOULD_RETRY,
];

/// `None` where nobody may.
pub fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let layer = CorsLayer::new()
        .allow_methods(METHODS)
        .allow_headers(READ)
        .expose_headers(ANSWERED)
        .max_age(REMEMBERED);
    if origins.iter().any(|origin| origin == "*") {
        return Some(layer.allow_origin(Any));
    }
    let named = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    Some(layer.allow_origin(AllowOrigin::list(named)))
}
