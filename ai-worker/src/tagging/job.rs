//! One job's way through the worker, from delivery to ack.

use crate::metrics::{DEAD_LETTERS, count_job};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    bus::{Bus, ResultKey},
    fault::{Code, Fault},
    log_stages,
    queue::{Delivery, JobQueue, Priority},
    stage::{Stage, StageClock, Timings},
    telemetry,
    wire::{self, Job, JobResult, ModelInfo, Tag, Tagged, WIRE_VERSION},
};

use crate::{
    batch::BatchError,
    called_off::{self, CalledOff},
    caption::{self, Asked},
    captions::Captions,
    consume::Handle,
    decode::Picture,
    models::Models,
    outcome,
    tags::{self, Calibration, Choice, Filter, Taxonomy, UnknownName},
};

/// The stages that a worker measures itself.
const OWN: &[Stage] = &[
    Stage::Queue,
    Stage::Decode,
    Stage::BatchWait,
    Stage::Infer,
    Stage::Postprocess,
    Stage::CaptionWait,
    Stage::Caption,
];

/// Kept free of captions, so that finished tags reach their caller before the deadline.
const WAY_BACK: Duration = Duration::from_millis(100);

/// What makes tags of scores.
#[derive(Debug)]
pub struct Tagger {
    pub taxonomy: Taxonomy,
    pub model: ModelInfo,
    pub calibration: Calibration,
}

impl Tagger {
    fn select(&self, job: &Job, scores: &[f32]) -> Result<Vec<Tag>, Fault> {
        let unknown = |name: UnknownName| {
            Fault::new(Code::InvalidRequest, Stage::Postprocess, name.to_string())
        };
        let choice = Choice {
            threshold: job.threshold.unwrap_or(self.model.default_threshold),
            limit: job.limit.unwrap_or(self.model.default_limit).into(),
            filter: Filter::new(&self.taxonomy, &job.selection).map_err(unknown)?,
            language: job.language,
        };
        Ok(tags::select(
            &self.taxonomy,
            self.model.kind,
            &self.calibration.believed(scores),
            &choice,
        ))
    }
}

#[derive(Debug)]
pub struct Worker {
    pub name: String,
    pub bus: Bus,
    pub called_off: CalledOff,
    pub models: Arc<Models>,
    pub captions: Arc<Captions>,
    pub caption_timeout: Duration,
    pub decoding: Decoding,
}

/// Who makes pixels of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// Other threads than the engine's, before the batch is formed: so that no device waits for its pixels.
    Ahead,
    /// The lane itself: a processor's lanes are its cores, and a thread more would only take turns with them.
    OnLane,
    /// Nobody; for a fake engine that was asked for it.
    Never,
}

/// What a job came to, and what its caption has to speak of if that is written elsewhere.
struct Done {
    tagged: Tagged,
    subjects: Vec<Tag>,
}

impl Handle for Worker {
    async fn handle(&self, delivery: Delivery) {
        let received = Instant::now();
        let mut job: Job = match wire::decode(&delivery.payload) {
            Ok(job) => job,
            // A newer worker may read it; if none does, it ends as a dead letter.
            Err(error) => {
                return tracing::error!(%error, attempt = delivery.attempt, "job not understood, sent back");
            }
        };
        let queued = Duration::from_micros(self.bus.now_us().saturating_sub(job.published_at_us));
        let mut clock = StageClock::start_at(received);
        clock.timings.add(Stage::Queue, queued);
        let left = Duration::from_millis(job.budget_ms.into()).saturating_sub(queued);
        let tile = std::mem::take(&mut job.tile);
        let key = ResultKey {
            tenant: job.tenant.clone(),
            id: job.id.clone(),
        };
        let tagging = self.tag(&job, tile, &delivery, received + left, &mut clock);
        match self.called_off.unless(key, tagging).await {
            Ok(outcome) => self.finish(job, delivery, outcome, clock).await,
            Err(stored) => called_off::let_go(JobQueue::Tagging, delivery, &stored).await,
        }
    }

    /// The job is safe as a dead letter by now; should this worker die before the
    /// result is stored, its caller learns by the deadline.
    async fn give_up(&self, payload: &[u8], attempts: u32) {
        metrics::counter!(DEAD_LETTERS).increment(1);
        let Ok(job) = wire::decode::<Job>(payload) else {
            return tracing::error!(
                attempts,
                "a message that no worker understood is now a dead letter"
            );
        };
        tracing::error!(
            id = job.id,
            tenant = job.tenant,
            attempts,
            "the job is now a dead letter"
        );
        let fault = Fault::new(
            Code::TooManyAttempts,
            Stage::Queue,
            format!("given up after {attempts} attempts"),
        );
        let result = self.result(&job, Err(fault), Timings::default());
        outcome::store(&self.bus, &job.reply_to, &result).await;
    }
}

impl Worker {
    async fn tag(
        &self,
        job: &Job,
        tile: Vec<u8>,
        delivery: &Delivery,
        deadline: Instant,
        clock: &mut StageClock,
    ) -> Result<Done, Fault> {
        let Some(served) = self.models.find(&job.model) else {
            let detail = format!("This worker serves {}.", self.models.names());
            return Err(Fault::new(Code::ModelNotFound, Stage::Queue, detail).retryable(true));
        };
        if Instant::now() >= deadline {
            return Err(Fault::new(
                Code::DeadlineExceeded,
                Stage::Queue,
                "no time was left when a worker was free",
            ));
        }
        let picture = match self.decoding {
            Decoding::Never => Picture::decoded(tile),
            Decoding::Ahead | Decoding::OnLane => Picture::new(tile.into(), served.tile()),
        };
        if self.decoding == Decoding::Ahead {
            decode(picture.clone()).await?;
            clock.end(Stage::Decode);
        }
        let (scored, by) = match served.score(delivery.priority, picture, deadline).await {
            Ok(scored) => scored,
            // The engine broke under this batch, and the worker ends with it. Waiting
            // here lets this task be dropped, and with it the job goes back un-acked.
            Err(BatchError::Stopped) => return std::future::pending().await,
            Err(error) => return Err(batch_fault(&error)),
        };
        clock.end_at(Stage::BatchWait, scored.taken);
        clock.end_at(Stage::Decode, scored.started);
        clock.end_at(Stage::Infer, scored.finished);
        let tags = by.tagger.select(job, &scored.scores)?;
        clock.end(Stage::Postprocess);
        let written_by = deadline
            .checked_sub(WAY_BACK)
            .unwrap_or(deadline)
            .min(Instant::now() + self.caption_timeout);
        let asked = Asked {
            priority: delivery.priority,
            language: job.language,
        };
        let captioned = self
            .captions
            .caption(job.features.caption, &tags, asked, written_by)
            .await;
        if self.captions.are_here() {
            clock.end_at(Stage::CaptionWait, captioned.started);
            clock.end(Stage::Caption);
        }
        let subjects = self.captions.to_send(&tags);
        let tags = if job.features.tags { tags } else { Vec::new() };
        let tagged = Tagged {
            model: by.tagger.model.id.clone(),
            tags,
            caption: captioned.caption,
        };
        Ok(Done { tagged, subjects })
    }

    async fn finish(
        &self,
        job: Job,
        delivery: Delivery,
        outcome: Result<Done, Fault>,
        clock: StageClock,
    ) {
        let attempt = delivery.attempt;
        let delivery_priority = delivery.priority;
        let priority = delivery_priority.name();
        let (outcome, subjects) = match outcome {
            Ok(Done { tagged, subjects }) => (Ok(tagged), subjects),
            Err(fault) => (Err(fault), Vec::new()),
        };
        let mut result = self.result(&job, outcome, clock.timings);
        let is_safe = self
            .pass_on(&job, subjects, delivery.priority, &mut result)
            .await;
        if !is_safe && !outcome::store(&self.bus, &job.reply_to, &result).await {
            return;
        }
        let acked = delivery.ack().await;
        telemetry::record_stages("worker", &result.timings, OWN);
        let code = result
            .outcome
            .as_ref()
            .err()
            .map_or("ok", |fault| fault.code.name());
        count_job(JobQueue::Tagging, delivery_priority, code);
        let caption_status = result
            .outcome
            .as_ref()
            .ok()
            .map(|tagged| tagged.caption.status.name());
        let acked = matches!(acked, Ok(true));
        log_stages!(
            "job",
            result.timings,
            id = job.id,
            tenant = job.tenant,
            priority,
            attempt,
            code,
            caption_status,
            acked
        );
    }

    fn result(&self, job: &Job, outcome: Result<Tagged, Fault>, timings: Timings) -> JobResult {
        let (id, tenant) = (job.id.clone(), job.tenant.clone());
        JobResult {
            v: WIRE_VERSION,
            id,
            tenant,
            worker: self.name.clone(),
            outcome,
            timings,
        }
    }

    /// Whether the result went on to those who write captions. If it could not, its caption says why.
    async fn pass_on(
        &self,
        job: &Job,
        subjects: Vec<Tag>,
        priority: Priority,
        result: &mut JobResult,
    ) -> bool {
        let Some(relay) = self.captions.relay_for(result) else {
            return false;
        };
        let passed = relay.pass_on(job, subjects, priority, result).await;
        if let (Err(why), Ok(tagged)) = (passed, &mut result.outcome) {
            tagged.caption.status = why;
            caption::count(why);
        }
        passed.is_ok()
    }
}

async fn decode(picture: Picture) -> Result<(), Fault> {
    let decoded = tokio::task::spawn_blocking(move || {
        picture.pixels().map(drop).map_err(ToString::to_string)
    })
    .await;
    decoded
        .map_err(|error| error.to_string())
        .flatten()
        .map_err(no_tile)
}

fn no_tile(detail: String) -> Fault {
    Fault::new(Code::Internal, Stage::Decode, detail).retryable(false)
}

fn batch_fault(error: &BatchError) -> Fault {
    let (code, stage) = match error {
        BatchError::Tile(detail) => return no_tile(detail.clone()),
        BatchError::Expired => (Code::DeadlineExceeded, Stage::BatchWait),
        BatchError::Full | BatchError::Retired | BatchError::Stopped => {
            (Code::Overloaded, Stage::BatchWait)
        }
        BatchError::Engine(_) => (Code::InferenceFailed, Stage::Infer),
    };
    Fault::new(code, stage, error.to_string())
}
