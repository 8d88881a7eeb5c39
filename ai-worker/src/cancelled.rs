//! Jobs that have their result before this worker is done with them: their
//! callers have left, or another worker was faster. They need nothing more
//! than their ack.

use crate::metrics::count_job;
use bytes::Bytes;
use common::{
    bus::{Bus, BusError, Inbox, ResultKey},
    fault::Code,
    queue::{Delivery, JobQueue},
    wire::{self, JobResult},
};

#[derive(Clone, Debug)]
pub struct CalledOff(Inbox);

impl CalledOff {
    pub async fn open(bus: &Bus) -> Result<Self, BusError> {
        bus.open_called_off().await.map(Self)
    }

    /// What `work` comes to. If another result of that job is stored before, `work` is dropped, and with it its place in
    /// the batcher's line; the error is that result.
    pub async fn unless<T>(
        &self,
        key: ResultKey,
        work: impl Future<Output = T>,
    ) -> Result<T, Bytes> {
        // One that is delivered twice to one worker is done twice, too.
        let Ok(mut waiter) = self.0.register(key) else {
            return Ok(work.await);
        };
        tokio::select! {
            biased;
            Some(stored) = waiter.result() => Err(stored),
            done = work => Ok(done),
        }
    }
}

/// Acks a job that has the result `stored`.
pub async fn let_go(queue: JobQueue, delivery: Delivery, stored: &[u8]) {
    let delivery_priority = delivery.priority;
    let priority = delivery_priority.name();
    let acked = matches!(delivery.ack().await, Ok(true));
    let result: Option<JobResult> = wire::decode(stored).ok();
    let id = result.as_ref().map(|result| result.id.as_str());
    let code = match result.as_ref().map(|result| &result.outcome) {
        Some(Ok(_)) => "ok",
        Some(Err(fault)) => fault.code.name(),
        None => Code::Internal.name(),
    };
    count_job(queue, delivery_priority, code);
    tracing::info!(id, priority, code, acked, "job let go");
}
