//! `GET /v1/fleet`: who works, how busy everybody is, and what waits.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Json, extract::State};
use bytes::Bytes;
use common::{
    bus::{Bus, BusError},
    queue::{JobQueue, Priority, Queue},
    wire::{self, ServerLoad, Versioned, WorkerInfo, WorkerLoad, announced},
};
use dispatch::pressure;
use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{sleep, timeout};
use utoipa::ToSchema;
use web::context::Problem;

use crate::{metrics::QUEUE_MESSAGES, state::AppState};

const TOLD_EVERY: Duration = Duration::from_secs(2);
/// Two may be lost before a server is taken for gone.
const KEPT: Duration = Duration::from_secs(7);
/// A queue that does not tell its depth by then is left out.
const DEPTH_WITHIN: Duration = Duration::from_millis(500);

#[derive(Debug, Serialize, ToSchema)]
pub struct Fleet {
    /// API servers, by name.
    servers: Vec<ServerView>,
    /// Workers that tag, by name.
    workers: Vec<BusyWorker>,
    queues: Vec<QueueView>,
    /// Jobs that were given up; nothing where the broker does not tell.
    dead_letters: Option<u64>,
    realtime: RealtimeView,
}

/// An API server in the last two seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerView {
    name: String,
    /// Requests under way, and how many there may be.
    in_flight: u32,
    max_in_flight: u32,
    requests_per_s: f64,
    /// Refused because they would have come too late, or were too many.
    refused_per_s: f64,
    /// How long a request that comes now is foretold to wait for decoders and workers.
    predicted_wait_ms: Option<f64>,
    /// What it sheds because the queue is long: `captions`.
    #[schema(example = json!(["captions"]))]
    degraded: Vec<&'static str>,
}

/// A worker in the last three seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct BusyWorker {
    name: String,
    /// `cpu`, `cuda`, …
    device: String,
    models: Vec<String>,
    /// `template`, or the language model's name.
    captioner: String,
    /// Nothing where a worker of before does not tell.
    images_per_s: Option<f64>,
    images_per_batch: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    /// `tagging` or `captioning`.
    queue: &'static str,
    /// `realtime` or `bulk`.
    priority: &'static str,
    /// Messages that wait, each of one job or a bundle of them.
    messages: u64,
    consumers: u64,
}

/// Real-time jobs of the last moments, over all API servers.
#[derive(Debug, Serialize, ToSchema)]
pub struct RealtimeView {
    results_per_s: f64,
    /// The mean, for a worker and its engine.
    wait_ms: Option<f64>,
}

/// The fleet now
///
/// Workers, API servers and queues, as they told within the last seconds.
#[utoipa::path(
    get, path = "/v1/fleet", tag = "Service", security((), ("api_key" = [])),
    responses(
        (status = 200, body = Fleet),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_fleet(State(app): State<Arc<AppState>>) -> Json<Fleet> {
    let bus = &app.resources.bus;
    let queue = &app.resources.queue;
    let (servers, loads, heard, queues, dead_letters) = tokio::join!(
        told::<ServerLoad>(bus, announced::SERVER_LOAD),
        told::<WorkerLoad>(bus, announced::WORKER_LOAD),
        pressure::heard(bus),
        depths(queue),
        timeout(DEPTH_WITHIN, queue.dead_letters()),
    );
    let heard = heard.unwrap_or_default();
    let known = app.resources.fleet.known();
    Json(Fleet {
        servers: server_views(servers),
        workers: worker_views(&known.workers, loads),
        queues,
        dead_letters: dead_letters.ok().and_then(Result::ok),
        realtime: RealtimeView {
            results_per_s: heard.jobs_per_s(),
            wait_ms: heard.wait.map(|wait| wait.as_secs_f64() * 1e3),
        },
    })
}

/// What processes said of themselves; nothing while the bus is away.
pub(super) async fn told<T: Versioned>(bus: &Bus, kind: &str) -> Vec<T> {
    let told: Result<Vec<Bytes>, BusError> = bus.announced(kind).await;
    let payloads = told.unwrap_or_default();
    payloads
        .iter()
        .filter_map(|payload| wire::decode(payload).ok())
        .collect()
}

fn degraded(sheds_captions: bool) -> Vec<&'static str> {
    sheds_captions.then_some("captions").into_iter().collect()
}

fn server_views(mut loads: Vec<ServerLoad>) -> Vec<ServerView> {
    loads.sort_by(|one, other| one.server.cmp(&other.server));
    let views = loads.into_iter().map(|load| ServerView {
        name: load.server,
        in_flight: load.in_flight,
        max_in_flight: load.max_in_flight,
        requests_per_s: load.requests_per_s,
        refused_per_s: load.refused_per_s,
        predicted_wait_ms: load.predicted_wait_ms,
        degraded: degraded(load.sheds_captions),
    });
    views.collect()
}

fn worker_views(workers: &[WorkerInfo], loads: Vec<WorkerLoad>) -> Vec<BusyWorker> {
    let loads: HashMap<_, _> = loads
        .into_iter()
        .map(|load| (load.worker.clone(), load))
        .collect();
    let views = workers.iter().map(|worker| {
        let load = loads.get(&worker.worker);
        BusyWorker {
            name: worker.worker.clone(),
            device: worker.device.clone(),
            models: worker
                .models
                .iter()
                .map(|model| model.id.name.clone())
                .collect(),
            captioner: worker.captioner.clone(),
            images_per_s: load.map(|load| load.images_per_s),
            images_per_batch: load.map(|load| load.images_per_batch),
        }
    });
    views.collect()
}

/// The queues that tell their depth, all asked at one time.
async fn depths(queue: &Queue) -> Vec<QueueView> {
    let all = JobQueue::ALL
        .into_iter()
        .flat_map(|job_queue| Priority::ALL.map(|priority| depth(queue, job_queue, priority)));
    join_all(all).await.into_iter().flatten().collect()
}

async fn depth(queue: &Queue, job_queue: JobQueue, priority: Priority) -> Option<QueueView> {
    let depth = timeout(DEPTH_WITHIN, queue.depth(job_queue, priority)).await;
    let depth = depth.ok()?.ok()?;
    Some(QueueView {
        queue: job_queue.name(),
        priority: priority.name(),
        messages: depth.messages,
        consumers: depth.consumers,
    })
}

/// Shows how much waits, where no broker does.
async fn show_depths(queue: &Queue) {
    if !queue.forgets() {
        return;
    }
    for view in depths(queue).await {
        metrics::gauge!(QUEUE_MESSAGES, "queue" => view.queue, "priority" => view.priority)
            .set(view.messages as f64);
    }
}

/// Says how busy this server is, as long as it is polled.
pub async fn tell_load(state: &AppState) {
    let server = state.dispatcher.name();
    let mut told = Instant::now();
    loop {
        sleep(TOLD_EVERY).await;
        show_depths(&state.resources.queue).await;
        let load = state.admission.take_load(server, told.elapsed());
        told = Instant::now();
        let payload = Bytes::from(wire::encode(&load));
        let telling = state
            .resources
            .bus
            .announce(announced::SERVER_LOAD, server, payload, KEPT);
        if let Err(error) = telling.await {
            tracing::debug!(%error, "nobody hears how busy this server is");
        }
    }
}
