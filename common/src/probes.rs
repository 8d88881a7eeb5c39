//! What an orchestrator and Prometheus ask a role that serves no API.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use crate::{bus::Bus, queue::Queue, telemetry};

#[derive(Clone, Debug)]
struct Links {
    queue: Queue,
    bus: Bus,
}

/// Serves `/healthz`, `/readyz` and `/metrics` until it is dropped.
pub async fn serve(listener: TcpListener, queue: Queue, bus: Bus) {
    // Metrics count from here on, and not from when somebody first looks.
    telemetry::metrics();
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Links { queue, bus });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the probes are no longer answered");
    }
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Answers 200 only while the broker and the result store answer.
async fn readyz(State(links): State<Links>) -> (StatusCode, &'static str) {
    if links.queue.is_ready() && links.bus.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics() -> String {
    telemetry::metrics().render()
}
