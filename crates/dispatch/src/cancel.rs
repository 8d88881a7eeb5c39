//! A client that leaves before its answer calls its job off: no worker should
//! spend a place in a batch on it.

use bytes::Bytes;
use common::{
    bus::{Bus, ResultKey},
    fault::{Code, Fault},
    stage::{Stage, Timings},
    wire::{self, JobResult, WIRE_VERSION},
};
use tokio::runtime::Handle;

/// Dropped while a job is under way, it calls the job off.
#[derive(Debug)]
pub struct Departure(Option<(Bus, ResultKey)>);

impl Departure {
    pub fn of(bus: &Bus, key: &ResultKey) -> Self {
        Self(Some((bus.clone(), key.clone())))
    }

    /// Its client is still there, whatever became of the job.
    pub fn stayed(mut self) {
        self.0 = None;
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        let (Some((bus, key)), Ok(runtime)) = (self.0.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            metrics::counter!("tagfleet_jobs_called_off_total").increment(1);
            if let Err(error) = bus.call_off(&key, nobody_waits(&key)).await {
                tracing::debug!(%error, id = key.id, "a job could not be called off");
            }
        });
    }
}

/// The result of a job that is not to be done.
fn nobody_waits(key: &ResultKey) -> Bytes {
    let fault = Fault::new(
        Code::ClientGone,
        Stage::Queue,
        "Its client hung up while the job was under way.",
    );
    let (id, tenant) = (key.id.clone(), key.tenant.clone());
    let timings = Timings::default();
    wire::encode(&JobResult {
        v: WIRE_VERSION,
        id,
        tenant,
        worker: String::new(),
        outcome: Err(fault),
        timings,
    })
    .into()
}
