//! Around every request: its id, the moment it came, and a net below it.

use std::{panic::AssertUnwindSafe, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::{fault::Fault, stage::Stage};
use futures_util::FutureExt;

use crate::{
    context::{Arrived, PROBLEM_JSON, Problem, RequestId},
    linger::LingeringBody,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The outermost layer.
pub async fn request_layer(mut request: Request, next: Next) -> Response {
    let id = RequestId::random();
    request.extensions_mut().insert(Arrived(Instant::now()));
    request.extensions_mut().insert(id.clone());
    let request = request.map(LingeringBody::wrap);
    let answer = AssertUnwindSafe(inside(request, next, &id))
        .catch_unwind()
        .await;
    // The panic hook has logged what happened; the caller learns only that it did.
    let mut response =
        answer.unwrap_or_else(|_| Problem::new(Fault::bug(Stage::Admit), &id).into_response());
    if is_foreign_error(&response) {
        response = Problem::of_status(response.status(), &id).into_response();
    }
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// A fault in the request's head, which only the connection could see, ends its way here.
async fn inside(mut request: Request, next: Next, id: &RequestId) -> Response {
    match request.extensions_mut().remove::<Fault>() {
        Some(fault) => Problem::new(fault, id).into_response(),
        None => next.run(request).await,
    }
}

/// An error that a library has put into words of its own.
fn is_foreign_error(response: &Response) -> bool {
    let status = response.status();
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == PROBLEM_JSON);
    (status.is_client_error() || status.is_server_error()) && !is_problem
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_problem_with_an_id() {
        async fn broken() {
            panic!("as a bug would")
        }
        let router = Router::new()
            .route("/", get(broken))
            .layer(middleware::from_fn(request_layer));
        let request = Request::get("/").body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), 500);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        assert!(response.headers().contains_key(X_REQUEST_ID));
    }
}
