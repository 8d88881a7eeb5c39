//! Every few seconds the worker says that it is there and what it can do, and
//! folds the metrics that it recorded: where nobody scrapes they would pile up.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use common::{
    bus::Bus,
    shutdown::Shutdown,
    telemetry,
    wire::{WIRE_VERSION, WorkerInfo, encode},
};

use crate::{captions::Captions, models::Models};

/// The kind under which workers that tag announce themselves.
pub const TAGGERS: &str = "worker";
/// And those that only write captions.
pub const CAPTIONERS: &str = "captioner";

pub const EVERY: Duration = Duration::from_secs(3);
/// Two announcements may be lost before the worker is taken for gone.
const KEPT: Duration = Duration::from_secs(10);

/// What a worker is, whichever versions of its models it runs.
#[derive(Debug)]
pub struct Announced {
    pub kind: &'static str,
    pub worker: String,
    pub device: String,
    pub captions: Arc<Captions>,
    pub models: Arc<Models>,
}

impl Announced {
    fn info(&self) -> WorkerInfo {
        let Self {
            worker,
            device,
            captions,
            models,
            ..
        } = self;
        let (worker, device, captioner) = (worker.clone(), device.clone(), captions.writer());
        WorkerInfo {
            v: WIRE_VERSION,
            worker,
            device,
            models: models.infos(),
            captioner,
            bundles: true,
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
