//! From a tile to its result: register, publish, wait.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    bus::{Bus, BusError, Inbox, ResultKey},
    fault::{Code, Fault},
    queue::{Lane, Message, Queue, QueueError},
    stage::{Stage, Timings},
    wire::{self, DEFAULT_TENANT, Features, Job, JobResult, Tagged, WIRE_VERSION},
};
use tokio::time;

/// How long the last look at a result's key may take, once the time is up.
const LAST_LOOK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Submit {
    queue: Queue,
    bus: Bus,
    inbox: Inbox,
}

/// What came back, and when.
#[derive(Debug)]
pub struct Returned {
    pub outcome: Result<Tagged, Fault>,
    pub worker: String,
    /// From `publish` to `result`; they add up to the time between submission and `received`.
    pub timings: Timings,
    pub received: Instant,
}

impl Submit {
    pub fn new(queue: Queue, bus: Bus, inbox: Inbox) -> Self {
        Self { queue, bus, inbox }
    }

    pub fn job(
        &self,
        id: String,
        model: &str,
        features: Features,
        limit: Option<u16>,
        threshold: Option<f32>,
        tile: Vec<u8>,
    ) -> Job {
        Job {
            v: WIRE_VERSION,
            id,
            tenant: DEFAULT_TENANT.to_owned(),
            reply_to: self.inbox.name().to_owned(),
            model: model.to_owned(),
            features,
            limit,
            threshold,
            published_at_us: 0,
            budget_ms: 0,
            tile,
        }
    }

    /// Publishes the job and waits for its result, until `deadline`. Dropped
    /// half-way, it leaves no waiter behind.
    pub async fn and_wait(&self, mut job: Job, submitted: Instant, deadline: time::Instant) -> Result<Returned, Fault> {
        let left = deadline.saturating_duration_since(time::Instant::now());
        if left < Duration::from_millis(1) {
            return Err(too_late(Stage::Publish));
        }
        job.published_at_us = self.bus.now_us();
        job.budget_ms = left.as_millis() as u32;
        let key = ResultKey { tenant: job.tenant.clone(), id: job.id.clone() };
        // Registered first, so that no answer can come too early.
        let mut waiter = self.inbox.register(key.clone()).map_err(|error| bus_fault(&error, Stage::Publish))?;
        let message = Message { payload: wire::encode(&job).into(), ttl: left };
        let confirm = self.queue.publish(Lane::Realtime, message);
        time::timeout_at(deadline, confirm)
            .await
            .map_err(|_| too_late(Stage::Publish))?
            .map_err(|error| queue_fault(&error))?;
        let confirmed = submitted.elapsed();
        let payload = match time::timeout_at(deadline, waiter.result()).await {
            Ok(Some(payload)) => payload,
            // The announcement may have been lost where the result was not.
            Ok(None) | Err(_) => self.last_look(&key).await?,
        };
        returned(&payload, submitted, confirmed)
    }

    async fn last_look(&self, key: &ResultKey) -> Result<Bytes, Fault> {
        match time::timeout(LAST_LOOK, self.bus.result(key)).await {
            Ok(Ok(Some(payload))) => Ok(payload),
            Ok(Err(error)) => Err(bus_fault(&error, Stage::Result)),
            Ok(Ok(None)) | Err(_) => Err(too_late(Stage::Result)),
        }
    }
}

fn returned(payload: &[u8], submitted: Instant, confirmed: Duration) -> Result<Returned, Fault> {
    let result: JobResult = wire::decode(payload).map_err(|error| {
        tracing::error!(%error, "a worker's result cannot be read");
        Fault::new(Code::Internal, Stage::Result, "A worker's result cannot be read by this server.")
    })?;
    let received = Instant::now();
    let timings = apportion(received - submitted, confirmed, &result.timings);
    Ok(Returned { outcome: result.outcome, worker: result.worker, timings, received })
}

/// Shares the time between submission and result out among the stages. The
/// confirm and the queue overlap (a job may be with its worker before the
/// broker's confirm is back), so `publish` is what came before the delivery,
/// and what nobody measured is the way back, `result`.
fn apportion(roundtrip: Duration, confirmed: Duration, worker: &Timings) -> Timings {
    let roundtrip_ms = roundtrip.as_secs_f64() * 1e3;
    let confirmed_ms = confirmed.as_secs_f64() * 1e3;
    let queued_ms = worker.get_ms(Stage::Queue).unwrap_or(0.0);
    let worked_ms = worker.sum_ms() - queued_ms;
    // Clocks drift between two looks at Redis: no stage may push the sum over
    // the time that really passed.
    let unworked_ms = (roundtrip_ms - worked_ms).max(0.0);
    let publish_ms = confirmed_ms.min(queued_ms).min(unworked_ms);
    let queue_ms = (queued_ms - publish_ms).max(0.0).min(unworked_ms - publish_ms);
    let mut timings = Timings::default();
    timings.add_ms(Stage::Publish, publish_ms);
    timings.add_ms(Stage::Queue, queue_ms);
    worker.iter().filter(|(stage, _)| *stage != Stage::Queue).for_each(|(stage, ms)| timings.add_ms(stage, ms));
    timings.add_ms(Stage::Result, unworked_ms - publish_ms - queue_ms);
    timings
}

fn too_late(stage: Stage) -> Fault {
    Fault::new(Code::DeadlineExceeded, stage, "The time that the request allowed was over before the result came.")
}

fn queue_fault(error: &QueueError) -> Fault {
    match error {
        QueueError::Full => Fault::new(Code::Overloaded, Stage::Publish, "The queue is full; try again shortly."),
        other => {
            tracing::warn!(error = %other, "publish failed");
            Fault::new(Code::QueueUnavailable, Stage::Publish, "The job could not be handed to the queue.")
        }
    }
}

fn bus_fault(error: &BusError, stage: Stage) -> Fault {
    match error {
        BusError::TooManyWaiters => Fault::new(Code::Overloaded, stage, "Too many requests wait for results."),
        other => {
            tracing::warn!(error = %other, "the result store failed");
            Fault::new(Code::ResultsUnavailable, stage, "Results cannot be received at present.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn worker(queue: f64, infer: f64) -> Timings {
        let mut timings = Timings::default();
        timings.add_ms(Stage::Queue, queue);
        timings.add_ms(Stage::Infer, infer);
        timings
    }

    #[test]
    fn the_parts_add_up_whatever_the_clocks_say() {
        for (queue, infer) in [(0.0, 10.0), (5.0, 10.0), (500.0, 10.0), (3.0, 39.0)] {
            let parts = apportion(ms(40), ms(2), &worker(queue, infer));
            assert!((parts.sum_ms() - 40.0).abs() < 1e-9, "queue {queue}, infer {infer}: {parts:?}");
        }
    }

    #[test]
    fn publish_ends_where_the_delivery_began() {
        let parts = apportion(ms(40), ms(20), &worker(5.0, 10.0));
        assert_eq!(parts.get_ms(Stage::Publish), Some(5.0));
        assert_eq!(parts.get_ms(Stage::Queue), Some(0.0));
    }
}
