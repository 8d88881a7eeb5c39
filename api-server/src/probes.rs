//! What an orchestrator and Prometheus ask a migrator.

use axum::{Router, http::StatusCode, routing::get};

use crate::{Links, health};

/// `/readyz` answers 200 only while the broker and the result store answer.
pub fn router(links: &Links) -> Router {
    let (queue, bus) = (links.queue.clone(), links.bus.clone());
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
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(ready))
        .route("/metrics", get(health::metrics))
}
