//! The captioning worker: one tagged picture's way, from delivery to ack.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    bus::Bus,
    log_stages,
    queue::{Delivery, JobQueue, Priority},
    stage::{Stage, StageClock},
    telemetry,
    wire::{self, CaptionJob, CaptionStatus, JobResult},
};

use super::{CaptionRequest, captioner::Captioner};
use crate::{
    cancelled::{self, Cancelled},
    consume::{self, Handle},
    metrics::{count_dead_letter, count_job},
    outcome::{self, Destination},
};

const OWN: &[Stage] = &[Stage::CaptionWait, Stage::Caption];

#[derive(Debug)]
pub struct CaptioningWorker {
    pub bus: Bus,
    pub cancelled: Cancelled,
    pub captioner: Arc<Captioner>,
    pub caption_timeout: Duration,
}

impl Handle for CaptioningWorker {
    async fn handle(&self, delivery: Delivery) {
        let received = Instant::now();
        let Some(job) =
            consume::understood(&delivery, |payload| wire::decode::<CaptionJob>(payload))
        else {
            return;
        };
        let reply_to = job.reply_to.clone();
        let seal = job.seal.clone();
        let now_us = self.bus.now_us();
        let deadline = received + job.left(now_us);
        let age = job.waited(now_us);
        let key = job.key();
        if delivery.attempt > 1 && outcome::is_there(&self.bus, &key, seal.as_ref()).await {
            outcome::ack_only(delivery, &key.id, "the job has its result").await;
            return;
        }
        let priority = delivery.priority;
        let captioning = self.caption(job, priority, received);
        let unless = self
            .cancelled
            .unless(key.clone(), priority, age, captioning);
        let Some(result) = unless.await else {
            cancelled::let_go(JobQueue::Captioning, delivery, &key).await;
            return;
        };
        let destination = Destination {
            reply_to: &reply_to,
            seal: seal.as_ref(),
            priority,
        };
        if outcome::store(&self.bus, destination, &result, deadline).await {
            finish(delivery, &result).await;
        }
    }

    /// Stores what there is: the tags are good, and are what its caller gets.
    async fn give_up(&self, payload: &[u8], attempts: u32) {
        count_dead_letter();
        let Ok(job) = wire::decode::<CaptionJob>(payload) else {
            tracing::error!(
                attempts,
                "a message that no captioner understood is now a dead letter"
            );
            return;
        };
        if outcome::is_there(&self.bus, &job.key(), job.seal.as_ref()).await {
            return;
        }
        let mut result = job.result;
        tracing::error!(
            id = result.id,
            tenant = result.tenant,
            attempts,
            "the caption is now a dead letter"
        );
        if let Ok(tagged) = &mut result.outcome {
            tagged.caption.status = CaptionStatus::Unavailable;
        }
        let destination = Destination {
            reply_to: &job.reply_to,
            seal: job.seal.as_ref(),
            // Whoever waits for it, it is kept as long as any.
            priority: Priority::Realtime,
        };
        outcome::store(&self.bus, destination, &result, Instant::now()).await;
    }
}

impl CaptioningWorker {
    /// Returns the result with its caption. One that comes late is stored all the same, for whoever looks later.
    async fn caption(&self, job: CaptionJob, priority: Priority, received: Instant) -> JobResult {
        let now_us = self.bus.now_us();
        let waited = job.waited(now_us);
        let left = job.left(now_us);
        let due = Instant::now() + left.min(self.caption_timeout);
        let asked = CaptionRequest {
            priority,
            language: job.language,
            shed: false,
        };
        let mut result = job.result;
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
}

async fn finish(delivery: Delivery, result: &JobResult) {
    let attempt = delivery.attempt;
    let priority = delivery.priority;
    let acked = matches!(delivery.ack().await, Ok(true));
    telemetry::record_stages("worker", &result.timings, OWN);
    count_job(JobQueue::Captioning, priority, "ok");
    log_stages!(
        "caption",
        quiet = true,
        result.timings,
        id = result.id,
        tenant = result.tenant,
        priority = priority.name(),
        attempt,
        caption_status = outcome::caption_status(result),
        acked
    );
}
