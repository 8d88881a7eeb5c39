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

use crate::models::Models;

/// The kind under which workers announce themselves.
pub const KIND: &str = "worker";

const EVERY: Duration = Duration::from_secs(3);
/// Two announcements may be lost before the worker is taken for gone.
const KEPT: Duration = Duration::from_secs(10);

/// What a worker is, whichever versions of its models it runs.
#[derive(Debug)]
pub struct Announced {
    pub worker: String,
    pub device: String,
    pub captioner: String,
    pub models: Arc<Models>,
}

impl Announced {
    fn info(&self) -> WorkerInfo {
        let Self { worker, device, captioner, models } = self;
        let (worker, device, captioner) = (worker.clone(), device.clone(), captioner.clone());
        WorkerInfo { v: WIRE_VERSION, worker, device, models: models.infos(), captioner, bundles: true }
    }
}

/// Ends with a farewell, so that nobody waits for a worker that has left.
pub async fn announce(bus: Bus, who: Announced, shutdown: Shutdown) {
    let metrics = telemetry::metrics();
    loop {
        metrics.run_upkeep();
        let payload = Bytes::from(encode(&who.info()));
        if let Err(error) = bus.announce(KIND, &who.worker, payload, KEPT).await {
            tracing::warn!(%error, "the worker could not announce itself");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => break,
        }
    }
    if let Err(error) = bus.withdraw(KIND, &who.worker).await {
        tracing::warn!(%error, "the worker could not take its leave");
    }
}
