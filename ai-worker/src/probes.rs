//! What an orchestrator and Prometheus ask a worker.

use axum::{Router, http::StatusCode, routing::get};
use common::{bus::Bus, queue::Queue, telemetry};
use tokio::net::TcpListener;

/// Without a listener, inside another service, it has nothing to do.
pub async fn serve(listener: Option<TcpListener>, queue: Queue, bus: Bus) {
    if let Some(listener) = listener {
        drop(axum::serve(listener, router(queue, bus)).await);
    }
}

/// `/readyz` answers 200 only while the broker and the result store answer;
/// the model is warm before this router is served at all.
fn router(queue: Queue, bus: Bus) -> Router {
    let ready = move || {
        let ready = queue.is_ready() && bus.is_ready();
        async move {
            if ready {
                (StatusCode::OK, "ready\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
            }
        }
    };
    // Counts from here on, and not from when somebody first looks.
    telemetry::metrics();
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|| async { telemetry::metrics().render() }))
}
