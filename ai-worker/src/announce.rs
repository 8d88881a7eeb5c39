//! Every few seconds the worker says that it is there and what it can do, and
//! folds the metrics that it recorded: where nobody scrapes they would pile up.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    bus::Bus,
    shutdown::Shutdown,
    telemetry,
    wire::{NEWEST_READ, WIRE_VERSION, WorkerInfo, announced, encode},
};

use crate::{captioning::CaptionStage, load, metrics::show_worker, tagging::Models};

const EVERY: Duration = Duration::from_secs(3);
/// Two announcements may be lost before the worker is taken for gone.
const KEPT: Duration = Duration::from_secs(10);

/// What a worker is, whichever versions of its models it runs.
#[derive(Debug)]
pub struct Announced {
    /// One of [`common::wire::announced`].
    pub kind: &'static str,
    pub worker: String,
    pub device: String,
    pub captions: Arc<CaptionStage>,
    pub models: Arc<Models>,
}

impl Announced {
    fn info(&self) -> WorkerInfo {
        WorkerInfo {
            v: WIRE_VERSION,
            worker: self.worker.clone(),
            device: self.device.clone(),
            models: self.models.infos(),
            captioner: self.captions.captioner(),
            bundles: true,
            own_queues: true,
            reads: NEWEST_READ,
        }
    }
}

/// Says how busy the engines were. Nobody's work depends on it.
async fn tell_load(bus: &Bus, who: &Announced, passed: Duration) {
    if who.kind != announced::TAGGER {
        return;
    }
    let payload = Bytes::from(encode(&load::take(&who.worker, passed)));
    let told = bus.announce(announced::WORKER_LOAD, &who.worker, payload, KEPT);
    if let Err(error) = told.await {
        tracing::debug!(%error, "nobody hears how busy the worker is");
    }
}

/// Ends with a farewell, so that nobody waits for a worker that has left.
pub async fn announce(bus: Bus, who: Announced, shutdown: Shutdown) {
    let metrics = telemetry::metrics();
    let models = who.models.all().iter().map(|model| model.name());
    let models: Vec<_> = models.collect();
    show_worker(&who.worker, &who.device, &who.captions.captioner(), &models);
    let mut told = Instant::now();
    loop {
        metrics.run_upkeep();
        let payload = Bytes::from(encode(&who.info()));
        if let Err(error) = bus.announce(who.kind, &who.worker, payload, KEPT).await {
            tracing::warn!(%error, "the worker could not announce itself");
        }
        tell_load(&bus, &who, told.elapsed()).await;
        told = Instant::now();
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => break,
        }
    }
    if let Err(error) = bus.withdraw(who.kind, &who.worker).await {
        tracing::warn!(%error, "the worker could not take its leave");
    }
}
