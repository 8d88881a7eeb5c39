//! Takes what the broker hands over, each job in a task of its own.

use std::{num::NonZeroU16, sync::Arc};

use bytes::Bytes;
use common::{
    queue::{Delivery, JobQueue, Queue, Received},
    shutdown::Shutdown,
    wire::WireError,
};
use tokio::task::JoinSet;

/// What becomes of a message.
pub trait Handle: Send + Sync + 'static {
    /// Acks only what has a stored result; all else goes back by being dropped.
    fn handle(&self, delivery: Delivery) -> impl Future<Output = ()> + Send;

    /// Tells whoever waits for a job that killed its workers once too often.
    fn give_up(&self, payload: &[u8], attempts: u32) -> impl Future<Output = ()> + Send;
}

/// Returns once `shutdown` is set off and every job in hand is done.
pub async fn consume(
    worker: Arc<impl Handle>,
    queue: &Queue,
    jobs: JobQueue,
    prefetch: NonZeroU16,
    shutdown: Shutdown,
) {
    let mut consumer = queue.consume(jobs, prefetch, shutdown);
    let mut jobs = JoinSet::new();
    loop {
        tokio::select! {
            received = consumer.next() => match received {
                Some(Received::Delivery(delivery)) => {
                    let worker = worker.clone();
                    jobs.spawn(async move { worker.handle(delivery).await });
                }
                Some(Received::DeadLettered { payload, attempts }) => {
                    let worker = worker.clone();
                    jobs.spawn(async move { worker.give_up(&payload, attempts).await });
                }
                None => break,
            },
            Some(ended) = jobs.join_next() => report(ended),
        }
    }
    tracing::info!(in_hand = jobs.len(), "no more jobs are taken");
    while let Some(ended) = jobs.join_next().await {
        report(ended);
    }
}

/// Reads a job. A newer worker may read what this one cannot; if none does, it ends as a dead letter.
pub fn understood<T>(
    delivery: &Delivery,
    read: impl FnOnce(&Bytes) -> Result<T, WireError>,
) -> Option<T> {
    let read = read(&delivery.payload);
    if let Err(error) = &read {
        tracing::error!(%error, attempt = delivery.attempt, "job not understood, sent back");
    }
    read.ok()
}

/// Tells of a task that panicked: it dropped its delivery, which so went back to the queue.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a job panicked; it goes to another worker");
    }
}
