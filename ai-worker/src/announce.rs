//! Every few seconds the worker says that it is there and what it can do, and
//! folds the metrics that it recorded: where nobody scrapes they would pile up.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{
    bus::Bus,
    shutdown::Shutdown,
    telemetry,
    wire::{NEWEST_READ, WIRE_VERSION, WorkerInfo, encode},
};

use crate::{captioning::CaptionStage, tagging::Models};

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

/// Ends with a farewell, so that nobody waits for a worker that has left.
pub async fn announce(bus: Bus, who: Announced, shutdown: Shutdown) {
    let metrics = telemetry::metrics();
    loop {
        metrics.run_upkeep();
        let payload = Bytes::from(encode(&who.info()));
        if let Err(error) = bus.announce(who.kind, &who.worker, payload, KEPT).await {
            tracing::warn!(%error, "the worker could not announce itself");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => break,
        }
    }
    if let Err(error) = bus.withdraw(who.kind, &who.worker).await {
        tracing::warn!(%error, "the worker could not take its leave");
    }
}
