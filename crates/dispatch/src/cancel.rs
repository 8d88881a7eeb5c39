//! A client that leaves before its answer cancels its job: no worker should
//! spend a place in a batch on it.

use bytes::Bytes;
use common::{
    bus::{Bus, ResultKey},
    fault::{Code, Fault},
    stage::{Stage, Timings},
    wire::{self, JobResult, WIRE_VERSION},
};
use tokio::runtime::Handle;

use crate::metrics::{CALLED_OFF, CANCELLED};

/// Dropped while a job is under way, it cancels the job.
#[derive(Debug)]
pub struct CancelGuard(Option<(Bus, ResultKey)>);

impl CancelGuard {
    pub fn new(bus: &Bus, key: &ResultKey) -> Self {
        Self(Some((bus.clone(), key.clone())))
    }

    /// Guards nothing: a job of a batch goes on whoever leaves.
    pub fn none() -> Self {
        Self(None)
    }

    /// The client is still there, whatever became of the job.
    pub fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some((bus, key)) = self.0.take() else {
            return;
        };
        // A runtime that ends has nobody to tell.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(cancel(bus, key));
        }
    }
}

async fn cancel(bus: Bus, key: ResultKey) {
    metrics::counter!(CANCELLED).increment(1);
    metrics::counter!(CALLED_OFF).increment(1);
    if let Err(error) = bus.cancel(&key, nobody_waits(&key)).await {
        tracing::debug!(%error, id = key.id, "a job could not be cancelled");
    }
}

/// Returns the result of a job that is not to be done.
fn nobody_waits(key: &ResultKey) -> Bytes {
    let fault = Fault::new(
        Code::ClientGone,
        Stage::Queue,
        "Its client hung up while the job was under way.",
    );
    let result = JobResult {
        v: WIRE_VERSION,
        id: key.id.clone(),
        tenant: key.tenant.clone(),
        worker: String::new(),
        outcome: Err(fault),
        timings: Timings::default(),
    };
    wire::encode(&result).into()
}
