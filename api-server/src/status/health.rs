//! Is it alive, is it ready, what has it counted.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    telemetry,
};
use serde::Serialize;
use utoipa::ToSchema;
use web::context::{Problem, RequestId};

use crate::state::AppState;

/// The process runs and answers
#[utoipa::path(get, path = "/healthz", tag = "Service", responses((status = 200, body = String)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Workers that announced themselves of late.
    workers: usize,
}

/// A request now would find a queue, a result store and a worker
#[utoipa::path(
    get, path = "/readyz", tag = "Service",
    responses(
        (status = 200, body = Ready),
        (status = 503, description = "`queue_unavailable`, `results_unavailable` or `no_workers`, the first that is true", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn readyz(State(app): State<Arc<AppState>>, id: RequestId) -> Response {
    match ready(&app).await {
        Ok(ready) => Json(ready).into_response(),
        Err(fault) => Problem::new(fault, &id).into_response(),
    }
}

async fn ready(app: &AppState) -> Result<Ready, Fault> {
    if !app.resources.queue.is_ready() {
        let detail = "No connection to the queue.";
        return Err(Fault::new(Code::QueueUnavailable, Stage::Publish, detail));
    }
    if !app.resources.bus.is_ready() {
        let detail = "No connection to the result store.";
        return Err(Fault::new(Code::ResultsUnavailable, Stage::Result, detail));
    }
    if app.resources.fleet.known().workers.is_empty() {
        app.resources.fleet.refresh().await;
    }
    match app.resources.fleet.known().workers.len() {
        0 => Err(Fault::new(
            Code::NoWorkers,
            Stage::Lookup,
            "No worker has announced itself.",
        )),
        workers => Ok(Ready { workers }),
    }
}

/// Prometheus metrics
#[utoipa::path(get, path = "/metrics", tag = "Service", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics() -> Response {
    let text = telemetry::metrics().render();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
