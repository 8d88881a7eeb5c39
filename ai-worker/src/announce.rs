//! Every few seconds the worker says that it is there and what it can do, and
//! folds the metrics that it recorded: where nobody scrapes they would pile up.

use std::time::Duration;

use bytes::Bytes;
use common::{
    bus::Bus,
    shutdown::Shutdown,
    telemetry,
    wire::{WorkerInfo, encode},
};

/// The kind under which workers announce themselves.
pub const KIND: &str = "worker";

const EVERY: Duration = Duration::from_secs(3);
/// Two announcements may be lost before the worker is taken for gone.
const KEPT: Duration = Duration::from_secs(10);

/// Ends with a farewell, so that nobody waits for a worker that has left.
pub async fn announce(bus: Bus, info: WorkerInfo, shutdown: Shutdown) {
    let payload = Bytes::from(encode(&info));
    let metrics = telemetry::metrics();
    loop {
        metrics.run_upkeep();
        if let Err(error) = bus.announce(KIND, &info.worker, payload.clone(), KEPT).await {
            tracing::warn!(%error, "the worker could not announce itself");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => break,
        }
    }
    if let Err(error) = bus.withdraw(KIND, &info.worker).await {
        tracing::warn!(%error, "the worker could not take its leave");
    }
}
