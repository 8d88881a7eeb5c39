//! A client that leaves before its answer cancels its job: no worker should
//! spend a place in a batch on it.

use std::time::Duration;

use common::bus::{Bus, ResultKey};
use tokio::{runtime::Handle, time::Instant};

use crate::metrics::{CALLED_OFF, CANCELLED};

/// A job outlives its deadline by no more: clocks drift between two looks at the bus.
const MARGIN: Duration = Duration::from_secs(2);

/// Dropped while a job is under way, it cancels the job.
#[derive(Debug)]
pub struct CancelGuard(Option<Pending>);

#[derive(Debug)]
struct Pending {
    bus: Bus,
    key: ResultKey,
    deadline: Instant,
}

impl CancelGuard {
    pub fn new(bus: &Bus, key: &ResultKey, deadline: Instant) -> Self {
        Self(Some(Pending {
            bus: bus.clone(),
            key: key.clone(),
            deadline,
        }))
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
        let Some(pending) = self.0.take() else {
            return;
        };
        // A runtime that ends has nobody to tell.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(pending.cancel());
        }
    }
}

impl Pending {
    async fn cancel(self) {
        metrics::counter!(CANCELLED).increment(1);
        metrics::counter!(CALLED_OFF).increment(1);
        let ttl = self.deadline.saturating_duration_since(Instant::now()) + MARGIN;
        if let Err(error) = self.bus.cancel(&self.key, ttl).await {
            tracing::debug!(%error, id = self.key.id, "a job could not be cancelled");
        }
    }
}
