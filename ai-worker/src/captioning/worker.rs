//! A worker that only writes captions: one tagged picture's way, from delivery to ack.

use crate::metrics::{DEAD_LETTERS, count_job};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    bus::{Bus, ResultKey},
    log_stages,
    queue::{Delivery, JobQueue, Priority},
    stage::{Stage, StageClock},
    telemetry,
    wire::{self, CaptionJob, CaptionStatus, JobResult},
};

use crate::{
    called_off::{self, CalledOff},
    caption::{Asked, Captioner},
    consume::Handle,
    outcome,
};

const OWN: &[Stage] = &[Stage::CaptionWait, Stage::Caption];

#[derive(Debug)]
pub struct Scribe {
    pub bus: Bus,
    pub called_off: CalledOff,
    pub captioner: Arc<Captioner>,
    pub caption_timeout: Duration,
}

impl Handle for Scribe {
    async fn handle(&self, delivery: Delivery) {
        let received = Instant::now();
        let job: CaptionJob = match wire::decode(&delivery.payload) {
            Ok(job) => job,
            Err(error) => {
                return tracing::error!(%error, attempt = delivery.attempt, "job not understood, sent back");
            }
        };
        let reply_to = job.reply_to.clone();
        let key = ResultKey {
            tenant: job.result.tenant.clone(),
            id: job.result.id.clone(),
        };
        let result = match self
            .called_off
            .unless(key, self.write(job, delivery.priority, received))
            .await
        {
            Ok(result) => result,
            Err(stored) => {
                return called_off::let_go(JobQueue::Captioning, delivery, &stored).await;
            }
        };
        if outcome::store(&self.bus, &reply_to, &result).await {
            self.finish(delivery, &result).await;
        }
    }

    /// Its tags are good: they are what its caller gets.
    async fn give_up(&self, payload: &[u8], attempts: u32) {
        metrics::counter!(DEAD_LETTERS).increment(1);
        let Ok(CaptionJob {
            mut result,
            reply_to,
            ..
        }) = wire::decode(payload)
        else {
            return tracing::error!(
                attempts,
                "a message that no captioner understood is now a dead letter"
            );
        };
        tracing::error!(
            id = result.id,
            tenant = result.tenant,
            attempts,
            "the caption is now a dead letter"
        );
        if let Ok(tagged) = &mut result.outcome {
            tagged.caption.status = CaptionStatus::Unavailable;
        }
        outcome::store(&self.bus, &reply_to, &result).await;
    }
}

impl Scribe {
    /// The result with its caption. One that comes late is stored all the same, for whoever looks later.
    async fn write(&self, job: CaptionJob, priority: Priority, received: Instant) -> JobResult {
        let now_us = self.bus.now_us();
        let since = |us: u64| Duration::from_micros(now_us.saturating_sub(us));
        let (waited, spent) = (since(job.tagged_at_us), since(job.published_at_us));
        let left = Duration::from_millis(job.budget_ms.into()).saturating_sub(spent);
        let due = Instant::now() + left.min(self.caption_timeout);
        let mut result = job.result;
        let asked = Asked {
            priority,
            language: job.language,
        };
        let Ok(tagged) = &mut result.outcome else {
            return result;
        };
        let captioned = self
            .captioner
            .caption_even_late(&job.subjects, asked, due)
            .await;
        let mut clock = StageClock::start_at(received);
        clock.timings = result.timings;
        clock.timings.add(Stage::CaptionWait, waited);
        clock.end_at(Stage::CaptionWait, captioned.started);
        clock.end(Stage::Caption);
        tagged.caption = captioned.caption;
        result.timings = clock.timings;
        result
    }

    async fn finish(&self, delivery: Delivery, result: &JobResult) {
        let attempt = delivery.attempt;
        let delivery_priority = delivery.priority;
        let priority = delivery_priority.name();
        let acked = matches!(delivery.ack().await, Ok(true));
        telemetry::record_stages("worker", &result.timings, OWN);
        let status = result
            .outcome
            .as_ref()
            .ok()
            .map(|tagged| tagged.caption.status.name());
        count_job(JobQueue::Captioning, delivery_priority, "ok");
        log_stages!(
            "caption",
            result.timings,
            id = result.id,
            tenant = result.tenant,
            priority,
            attempt,
            caption_status = status,
            acked
        );
    }
}
