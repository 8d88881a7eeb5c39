//! Jobs that have their result before this worker is done with them: their
//! callers have left, or another worker was faster. They need nothing more
//! than their ack.

use bytes::Bytes;
use common::{
    bus::{Bus, BusError, Inbox, ResultKey},
    fault::Code,
    queue::{Delivery, JobQueue},
    wire::{self, JobResult},
};

use crate::{metrics::count_job, outcome};

/// Tells which of the jobs in hand are cancelled.
#[derive(Clone, Debug)]
pub struct Cancelled(Inbox);

impl Cancelled {
    pub async fn open(bus: &Bus) -> Result<Self, BusError> {
        bus.open_cancelled().await.map(Self)
    }

    /// Returns what `work` comes to. If another result of that job is stored before, `work` is dropped, and
    /// with it its place in the queue of images; the error is that result.
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
    let priority = delivery.priority;
    let acked = matches!(delivery.ack().await, Ok(true));
    let result: Option<JobResult> = wire::decode(stored).ok();
    let id = result.as_ref().map(|result| result.id.as_str());
    let code = result.as_ref().map_or(Code::Internal.name(), outcome::code);
    count_job(queue, priority, code);
    tracing::info!(
        id,
        queue = queue.name(),
        priority = priority.name(),
        code,
        acked,
        "job let go"
    );
}
