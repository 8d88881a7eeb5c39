//! How every batch request is answered, logged and counted.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use common::fault::Fault;
use identity::Caller;
use serde::Serialize;
use web::context::{Problem, RequestId};

use crate::metrics::BATCH_REQUESTS;

pub fn accepted<T: Serialize>(
    done: Result<T, Fault>,
    what: &'static str,
    id: &RequestId,
    caller: &Caller,
) -> Response {
    let done = done.map(|value| (StatusCode::ACCEPTED, Json(value)).into_response());
    reply(done, what, id, caller)
}

pub fn json<T: Serialize>(
    done: Result<T, Fault>,
    what: &'static str,
    id: &RequestId,
    caller: &Caller,
) -> Response {
    let done = done.map(|value| Json(value).into_response());
    reply(done, what, id, caller)
}

pub fn reply(
    done: Result<Response, Fault>,
    what: &'static str,
    id: &RequestId,
    caller: &Caller,
) -> Response {
    let code = done.as_ref().err().map_or("ok", |fault| fault.code.name());
    metrics::counter!(BATCH_REQUESTS, "code" => code).increment(1);
    let tenant = &*caller.tenant;
    let key = caller.key.as_deref();
    let detail = done.as_ref().err().map(|fault| fault.detail.as_str());
    tracing::info!(%id, tenant, key, code, detail, "{what}");
    done.unwrap_or_else(|fault| Problem::new(fault, id).into_response())
}
