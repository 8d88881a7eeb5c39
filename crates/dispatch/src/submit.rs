//! From a tile to its result: register, publish, wait.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    bus::{Bus, BusError, Inbox, ResultKey, Waiter},
    fault::{Code, Fault},
    queue::{JobQueue, Message, Priority, Queue, QueueError},
    seal::Seal,
    stage::{Stage, Timings},
    wire::{self, Job, JobResult, RETURN_MARGIN, RawTiles, Run, TagQuery, Tagged},
};
use tokio::time;

use crate::{
    apportion::apportion,
    cancel::CancelGuard,
    predict::{Completion, QueueEntry, WaitEstimator},
    pressure::Waits,
};

/// How long the last look at a result's key may take, once the time is up.
const LAST_LOOK: Duration = Duration::from_millis(100);
/// A broker that is away for longer is gone for now, and with it the jobs that no worker has. One node of several is replaced
/// by another sooner.
const BROKER_LOST: Duration = Duration::from_millis(800);
/// For the results of jobs that workers had in hand.
const GRACE: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub struct Dispatcher {
    queue: Queue,
    bus: Bus,
    inbox: Inbox,
    /// How long real-time jobs wait.
    pub waits: Waits,
    /// Real-time jobs between their publishing and their result.
    pub workers: WaitEstimator,
}

/// What came back, and when.
#[derive(Debug)]
pub struct Returned {
    pub outcome: Result<Tagged, Fault>,
    pub worker: String,
    /// From `publish` to `result`; they add up to the time between submission and `received`.
    pub timings: Timings,
    pub run: Run,
    pub received: Instant,
}

impl Returned {
    /// Returns the time between submission and result. Captions have a queue of their own, and are no part of it.
    fn without_caption(&self, submitted: Instant) -> Duration {
        let captions_ms: f64 = [Stage::CaptionWait, Stage::Caption]
            .iter()
            .filter_map(|stage| self.timings.get_ms(*stage))
            .sum();
        let whole = self.received.saturating_duration_since(submitted);
        whole.saturating_sub(Duration::from_secs_f64(captions_ms / 1e3))
    }
}

impl Dispatcher {
    pub fn new(queue: Queue, bus: Bus, inbox: Inbox) -> Self {
        Self {
            queue,
            bus,
            inbox,
            waits: Waits::default(),
            workers: WaitEstimator::default(),
        }
    }

    /// The inbox's, and so the server's.
    pub fn name(&self) -> &str {
        self.inbox.name()
    }

    pub fn job(&self, key: ResultKey, model: &str, asked: TagQuery, tile: Vec<u8>) -> Job {
        Job {
            v: asked.version(),
            id: key.id,
            tenant: key.tenant,
            reply_to: self.inbox.name().to_owned(),
            model: model.to_owned(),
            features: asked.features,
            limit: asked.limit,
            threshold: asked.threshold,
            language: asked.language,
            selection: asked.selection,
            vocabulary: asked.vocabulary,
            tenant_words: asked.tenant_words,
            published_at_us: 0,
            budget_ms: 0,
            shed_caption: false,
            also: Vec::new(),
            seal: None,
            pixels: RawTiles::default(),
            tile,
        }
    }

    /// Publishes the job and waits for its result, until `deadline`. Dropped
    /// half-way, it leaves no waiter behind, and a real-time job is cancelled.
    pub async fn submit_and_wait(
        &self,
        priority: Priority,
        mut job: Job,
        submitted: Instant,
        deadline: time::Instant,
    ) -> Result<Returned, Fault> {
        let left = deadline.saturating_duration_since(time::Instant::now());
        if left < Duration::from_millis(1) {
            return Err(too_late(Stage::Publish));
        }
        job.published_at_us = self.bus.now_us();
        job.budget_ms = left.as_millis() as u32;
        let seal = Seal::random();
        job.seal = Some(seal.clone());
        let leaves = match job.features.caption {
            true => Completion::Later,
            false => Completion::OnceServed,
        };
        let place = (priority == Priority::Realtime).then(|| self.workers.enter(leaves));
        let answer = self
            .publish_and_follow(priority, &mut job, seal, deadline)
            .await;
        let mut returned = answer.and_then(|answer| answer.read(&job.key(), submitted));
        if let Ok(Returned {
            outcome: Ok(tagged),
            ..
        }) = &mut returned
        {
            tagged.note_missing(&job);
        }
        if let Some(place) = place {
            self.note(&returned, submitted, place);
        }
        returned
    }

    async fn publish_and_follow(
        &self,
        priority: Priority,
        job: &mut Job,
        seal: Seal,
        deadline: time::Instant,
    ) -> Result<Answer, Fault> {
        let key = job.key();
        // Registered first, so that no answer can come too early.
        let registered = self.inbox.register_sealed(key.clone(), seal);
        let mut waiter = registered.map_err(|error| bus_fault(&error, Stage::Publish, &key))?;
        let payload = job.take_payload();
        let ttl = Duration::from_millis(job.budget_ms.into());
        let message = Message { payload, ttl };
        let publish = self.queue.publish(JobQueue::Tagging, priority, message);
        let guard = match priority {
            Priority::Realtime => CancelGuard::new(&self.bus, &key, deadline),
            Priority::Bulk => CancelGuard::none(),
        };
        let lost = self.lost(priority);
        let followed = self.follow(publish, lost, &mut waiter, &key, deadline);
        let answer = followed.await;
        match &answer {
            // A broker that comes back would have it done for nobody.
            Err(fault) if fault.stage == Stage::Queue => drop(guard),
            _ => guard.disarm(),
        }
        answer
    }

    /// Returns once nobody need wait for a job of that priority any more. What is to be done for a batch is on the broker's
    /// disks, and can wait until it is back.
    async fn lost(&self, priority: Priority) {
        match priority {
            Priority::Realtime => self.queue.lost_for(BROKER_LOST).await,
            Priority::Bulk => std::future::pending().await,
        }
    }

    /// The later jobs are, the fewer of them come back: those that do not have waited all the time.
    fn note(&self, returned: &Result<Returned, Fault>, submitted: Instant, place: QueueEntry) {
        match returned {
            // Most of its time was that of a worker that died with it, and not of the queue.
            Ok(returned) if returned.run.attempt > 1 => place.served_again(),
            Ok(returned) => {
                self.waits.note(&returned.timings);
                place.served(returned.without_caption(submitted));
            }
            Err(fault) if fault.code == Code::DeadlineExceeded => {
                self.waits.note_late(submitted.elapsed());
                place.served(submitted.elapsed());
            }
            Err(fault) if fault.code == Code::QueueUnavailable => place.cut_off(),
            Err(_) => {}
        }
    }

    /// The result of the job that `publish` hands to the queue, and when it was
    /// known to be there: by the broker's confirm, or by the result itself.
    async fn follow(
        &self,
        publish: impl Future<Output = Result<(), QueueError>>,
        lost: impl Future<Output = ()>,
        waiter: &mut Waiter,
        key: &ResultKey,
        deadline: time::Instant,
    ) -> Result<Answer, Fault> {
        let sent = tokio::select! {
            biased;
            // The confirm may be late, or lost, where the job is done already.
            Some(payload) = waiter.result() => return Ok(Answer::now(payload)),
            sent = time::timeout_at(deadline, publish) => sent,
        };
        let confirmed = Instant::now();
        let unsent = match sent {
            Ok(Ok(())) => {
                common::fail_point!("dispatch.confirmed");
                let payload = self.wait_unless(lost, waiter, key, deadline).await?;
                return Ok(Answer { payload, confirmed });
            }
            // Refused, so it is nowhere; and a full fleet needs no further work.
            Ok(Err(error @ QueueError::Full)) => return Err(queue_fault(&error, key)),
            Ok(Err(error)) => queue_fault(&error, key),
            Err(_) => too_late(Stage::Publish),
        };
        // The job may have come through where its confirm did not.
        let found = self.last_look(waiter, key).await.ok().flatten();
        found
            .map(|payload| Answer { payload, confirmed })
            .ok_or(unsent)
    }

    /// Waits for the result until the deadline, or until `lost`: then for what is on its way already, and no longer.
    async fn wait_unless(
        &self,
        lost: impl Future<Output = ()>,
        waiter: &mut Waiter,
        key: &ResultKey,
        deadline: time::Instant,
    ) -> Result<Bytes, Fault> {
        tokio::select! {
            biased;
            ended = self.wait(waiter, key, deadline) => return ended,
            () = lost => {}
        }
        let grace = deadline.min(time::Instant::now() + GRACE);
        if let Ok(Some(payload)) = time::timeout_at(grace, waiter.result()).await {
            return Ok(payload);
        }
        let found = self.last_look(waiter, key).await.ok().flatten();
        found.ok_or_else(|| {
            Fault::new(
                Code::QueueUnavailable,
                Stage::Queue,
                "The queue was lost while the job was in it.",
            )
        })
    }

    async fn wait(
        &self,
        waiter: &mut Waiter,
        key: &ResultKey,
        deadline: time::Instant,
    ) -> Result<Bytes, Fault> {
        let early = deadline.checked_sub(RETURN_MARGIN).unwrap_or(deadline);
        if let Ok(Some(payload)) = time::timeout_at(early, waiter.result()).await {
            return Ok(payload);
        }
        // Its caption may still be on the way: tags do not wait for it any longer.
        if let Some(payload) = self.provisional(waiter, key).await {
            return Ok(payload);
        }
        match time::timeout_at(deadline, waiter.result()).await {
            Ok(Some(payload)) => Ok(payload),
            // The announcement may have been lost where the result was not.
            Ok(None) | Err(_) => self
                .last_look(waiter, key)
                .await?
                .ok_or_else(|| too_late(Stage::Result)),
        }
    }

    async fn provisional(&self, waiter: &Waiter, key: &ResultKey) -> Option<Bytes> {
        let looked = time::timeout(LAST_LOOK, self.bus.provisional(key)).await;
        waiter.admit(looked.ok()?.ok()??)
    }

    async fn last_look(&self, waiter: &Waiter, key: &ResultKey) -> Result<Option<Bytes>, Fault> {
        let looked = time::timeout(LAST_LOOK, self.bus.result(key))
            .await
            .unwrap_or(Ok(None));
        let found = looked.map_err(|error| bus_fault(&error, Stage::Result, key))?;
        Ok(found.and_then(|payload| waiter.admit(payload)))
    }
}

/// A result as it came, and when its job was known to be in the queue.
#[derive(Debug)]
struct Answer {
    payload: Bytes,
    confirmed: Instant,
}

impl Answer {
    fn now(payload: Bytes) -> Self {
        Self {
            payload,
            confirmed: Instant::now(),
        }
    }

    fn read(&self, key: &ResultKey, submitted: Instant) -> Result<Returned, Fault> {
        let result: JobResult = wire::decode(&self.payload).map_err(|error| {
            tracing::error!(%error, tenant = key.tenant, id = key.id, "a worker's result cannot be read");
            Fault::new(
                Code::Internal,
                Stage::Result,
                "A worker's result cannot be read by this server.",
            )
        })?;
        let received = Instant::now();
        let confirmed = self.confirmed.saturating_duration_since(submitted);
        Ok(Returned {
            outcome: result.outcome.map_err(misdirected),
            worker: result.worker,
            timings: apportion(received - submitted, confirmed, &result.timings),
            run: result.run,
            received,
        })
    }
}

/// The model was looked up before the job was sent: if the worker does not
/// have it, the job went astray, and the request was right.
fn misdirected(fault: Fault) -> Fault {
    match fault.code {
        Code::ModelNotFound => Fault::new(
            Code::NoWorkers,
            fault.stage,
            "The job reached a worker that serves another model.",
        ),
        _ => fault,
    }
}

fn too_late(stage: Stage) -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        stage,
        "The time that the request allowed was over before the result came.",
    )
}

fn queue_fault(error: &QueueError, key: &ResultKey) -> Fault {
    match error {
        QueueError::Full => Fault::new(
            Code::Overloaded,
            Stage::Publish,
            "The queue is full; try again shortly.",
        ),
        other => {
            tracing::warn!(error = %other, tenant = key.tenant, id = key.id, "publish failed");
            Fault::new(
                Code::QueueUnavailable,
                Stage::Publish,
                "The job could not be handed to the queue.",
            )
        }
    }
}

fn bus_fault(error: &BusError, stage: Stage, key: &ResultKey) -> Fault {
    match error {
        BusError::TooManyWaiters => Fault::new(
            Code::Overloaded,
            stage,
            "Too many requests wait for results.",
        ),
        other => {
            tracing::warn!(error = %other, tenant = key.tenant, id = key.id, "the result store failed");
            Fault::new(
                Code::ResultsUnavailable,
                stage,
                "Results cannot be received at present.",
            )
        }
    }
}
