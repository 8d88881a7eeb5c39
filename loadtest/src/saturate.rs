//! A closed loop: so many jobs are always under way, for so long. It finds how
//! much a worker gets done, not how it behaves under a given rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    bus::{BusError, Inbox, ResultKey},
    queue::{JobQueue, Message, Priority, Queue, QueueError},
    wire::{self, Job, JobResult},
};
use futures_util::future::try_join_all;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("a result cannot be read: {0}")]
    Wire(#[from] wire::WireError),
    #[error("job {0} got no result in time")]
    Lost(String),
}

/// What was done between the first publish and the end of the given time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Saturated {
    pub tagged: u64,
    pub failed: u64,
    pub elapsed: Duration,
}

impl Saturated {
    pub fn per_second(&self) -> f64 {
        self.tagged as f64 / self.elapsed.as_secs_f64()
    }
}

/// Keeps `in_flight` jobs under way for `time`. `job` makes the nth one.
pub async fn saturate(
    queue: &Queue,
    inbox: &Inbox,
    in_flight: usize,
    time: Duration,
    job: impl Fn(u64) -> Job,
) -> Result<Saturated, LoadError> {
    let started = Instant::now();
    let next = std::sync::atomic::AtomicU64::new(0);
    let lines = (0..in_flight).map(|_| async {
        let mut done = Saturated::default();
        while started.elapsed() < time {
            let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let result = round_trip(queue, inbox, job(n)).await?;
            // What ends after the bell is no part of the time measured.
            if started.elapsed() < time {
                *(if result.outcome.is_ok() {
                    &mut done.tagged
                } else {
                    &mut done.failed
                }) += 1;
            }
        }
        Ok::<_, LoadError>(done)
    });
    let lines = try_join_all(lines).await?;
    let sum = |count: fn(&Saturated) -> u64| lines.iter().map(count).sum();
    Ok(Saturated {
        tagged: sum(|line| line.tagged),
        failed: sum(|line| line.failed),
        elapsed: time,
    })
}

async fn round_trip(queue: &Queue, inbox: &Inbox, job: Job) -> Result<JobResult, LoadError> {
    let ttl = Duration::from_millis(job.budget_ms.into());
    let mut waiter = inbox.register(ResultKey {
        tenant: job.tenant.clone(),
        id: job.id.clone(),
    })?;
    queue
        .publish(
            JobQueue::Tagging,
            Priority::Realtime,
            Message {
                payload: Bytes::from(wire::encode(&job)),
                ttl,
            },
        )
        .await?;
    match tokio::time::timeout(ttl, waiter.result()).await {
        Ok(Some(payload)) => Ok(wire::decode(&payload)?),
        Ok(None) | Err(_) => Err(LoadError::Lost(job.id)),
    }
}
