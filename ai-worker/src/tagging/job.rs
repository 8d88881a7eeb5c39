//! One job's way through the worker, from delivery to ack.

mod look;
mod phrase;
mod read;
mod scoring;
mod stages;
#[cfg(test)]
mod tests;
mod together;
mod words;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{
    bus::Bus,
    fault::{Code, Fault},
    image::Part,
    log_stages,
    model::Subject,
    queue::{Delivery, JobQueue, Priority},
    stage::{Stage, StageClock, Timings},
    telemetry,
    wire::{self, AuxiliaryTile, Job, JobResult, Run, Tagged, WIRE_VERSION},
};
pub use read::PIECES_AT_ONCE;
use stages::Ended;

use super::{decode::Tile, forwarding::Forwarding, models::Models};
use crate::{
    cancelled::{self, Cancelled},
    captioning::{CaptionStage, PendingCaption},
    consume::{self, Handle},
    metrics::{count_caption, count_dead_letter, count_job},
    outcome::{self, Destination},
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

#[derive(Debug)]
pub struct TaggingWorker {
    pub name: String,
    pub bus: Bus,
    pub cancelled: Cancelled,
    pub models: Arc<Models>,
    pub forwarding: Forwarding,
    pub captions: Arc<CaptionStage>,
    pub caption_timeout: Duration,
    pub decoding: Decoding,
}

/// The picture of a job, as each model takes it.
#[derive(Debug)]
struct Tiles {
    own: Tile,
    also: Vec<AuxiliaryPicture>,
    /// The one in which lines are read, once it is known that there is text.
    lines: Option<AuxiliaryPicture>,
}

/// The picture as a model beside the tagger takes it.
#[derive(Debug)]
struct AuxiliaryPicture {
    model: String,
    looks_for: Subject,
    tile: Tile,
    /// What of the picture is in the tile.
    shown: Part,
}

impl AuxiliaryPicture {
    /// `pixels`: those of the tile, where they did not come as a JPEG.
    fn new(also: AuxiliaryTile, pixels: Option<Bytes>) -> Self {
        Self {
            model: also.model,
            looks_for: also.looks_for,
            tile: tile(also.tile, pixels),
            shown: also.shown,
        }
    }
}

fn tile(jpeg: Vec<u8>, pixels: Option<Bytes>) -> Tile {
    match pixels {
        Some(pixels) => Tile::Pixels(pixels),
        None => Tile::Jpeg(jpeg.into()),
    }
}

impl Tiles {
    fn taken_from(job: &mut Job) -> Self {
        let pixels = std::mem::take(&mut job.pixels);
        let mut pixels = pixels.tiles();
        let own = tile(std::mem::take(&mut job.tile), pixels.next());
        let also = std::mem::take(&mut job.also).into_iter();
        let mut also: Vec<_> = also
            .map(|also| AuxiliaryPicture::new(also, pixels.next()))
            .collect();
        let is_of_lines = |also: &AuxiliaryPicture| also.looks_for == Subject::Reading;
        let lines = also.iter().position(is_of_lines);
        Self {
            own,
            lines: lines.map(|at| also.remove(at)),
            also,
        }
    }
}

/// What is known of a job while it is worked on.
#[derive(Debug)]
struct Progress {
    clock: StageClock,
    run: Run,
}

impl Progress {
    /// `age`: how long the job waited in the queue.
    fn begin(received: Instant, age: Duration, attempt: u32) -> Self {
        let mut clock = StageClock::start_at(received);
        clock.timings.add(Stage::Queue, age);
        let run = Run {
            attempt,
            batch: None,
        };
        Self { clock, run }
    }

    /// Returns what its result says of it.
    fn told(self) -> (Timings, Run) {
        (self.clock.timings, self.run)
    }
}

/// Who makes pixels of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// Other threads than the engine's, before the batch is formed: so that no device waits for its pixels.
    Ahead,
    /// The engine thread itself: on a processor there is one for each core, and a thread more would only take
    /// turns with them.
    OnEngineThread,
    /// Nobody; for a fake engine that was asked for it.
    Never,
}

impl Handle for TaggingWorker {
    async fn handle(&self, delivery: Delivery) {
        let received = Instant::now();
        let Some(mut job) = consume::understood(&delivery, wire::decode_job) else {
            return;
        };
        let now_us = self.bus.now_us();
        let left = job.left(now_us);
        if delivery.attempt > 1 && self.is_done(&job).await {
            outcome::ack_only(delivery, &job.id, "the job has its result").await;
            return;
        }
        if self.forward(&job, &delivery, left).await {
            outcome::ack_only(delivery, &job.id, "the job is in another queue").await;
            return;
        }
        let deadline = received + left;
        let age = job.waited(now_us);
        let mut progress = Progress::begin(received, age, delivery.attempt);
        let tiles = Tiles::taken_from(&mut job);
        let priority = delivery.priority;
        let tagging = self.tag(&job, tiles, priority, deadline, &mut progress);
        let key = job.key();
        match self.cancelled.unless(key, priority, age, tagging).await {
            Some(ended) => self.finish(job, delivery, ended, progress).await,
            None => cancelled::let_go(JobQueue::Tagging, delivery, &job.key()).await,
        }
    }

    /// Tells its caller: the job is safe as a dead letter by now; should this worker die before the
    /// result is stored, its caller learns by the deadline.
    async fn give_up(&self, payload: &[u8], attempts: u32) {
        count_dead_letter();
        let Ok(job) = wire::decode::<Job>(payload) else {
            tracing::error!(
                attempts,
                "a message that no worker understood is now a dead letter"
            );
            return;
        };
        if self.is_done(&job).await {
            return;
        }
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
        let run = Run {
            attempt: attempts,
            batch: None,
        };
        let result = self.result(&job, Err(fault), Timings::default(), run);
        // Whoever waits for it, it is kept as long as any.
        let destination = Destination::of(&job, Priority::Realtime);
        outcome::store(&self.bus, destination, &result, Instant::now()).await;
    }
}

impl TaggingWorker {
    async fn is_done(&self, job: &Job) -> bool {
        outcome::is_there(&self.bus, &job.key(), job.seal.as_ref()).await
    }

    /// Returns whether the job is one for others, and is on its way to them.
    async fn forward(&self, job: &Job, delivery: &Delivery, left: Duration) -> bool {
        if self.models.find(&job.model).is_some() {
            return false;
        }
        let payload = delivery.payload.clone();
        self.forwarding
            .forward(job, delivery.priority, payload, left)
            .await
    }

    /// Stores the result or hands it on to its caption, and acks the job then; else it is delivered again.
    async fn finish(&self, job: Job, delivery: Delivery, ended: Ended, progress: Progress) {
        let result = match ended {
            Ended::Answer(outcome) => {
                let priority = delivery.priority;
                self.answer(&job, priority, outcome, progress.told()).await
            }
            Ended::HandOff { tagged, pending } => {
                let priority = delivery.priority;
                self.hand_off(&job, priority, tagged, pending, progress.told())
                    .await
            }
        };
        if let Some(result) = result {
            end(delivery, &result).await;
        }
    }

    /// Returns the result once it is stored, and nothing if it could not be.
    async fn answer(
        &self,
        job: &Job,
        priority: Priority,
        outcome: Result<Tagged, Fault>,
        (timings, run): (Timings, Run),
    ) -> Option<JobResult> {
        let result = self.result(job, outcome, timings, run);
        let deadline = Instant::now() + job.left(self.bus.now_us());
        let destination = Destination::of(job, priority);
        let stored = outcome::store(&self.bus, destination, &result, deadline);
        let is_stored = stored.await;
        common::fail_point!("worker.stored");
        is_stored.then_some(result)
    }

    /// Hands the result on to those who write captions. If that cannot be, it is stored, and its caption says why.
    async fn hand_off(
        &self,
        job: &Job,
        priority: Priority,
        mut tagged: Tagged,
        pending: PendingCaption,
        (timings, run): (Timings, Run),
    ) -> Option<JobResult> {
        let result = self.result(job, Ok(tagged.clone()), timings, run);
        let Err(why) = pending.hand_off(job, priority, &result).await else {
            return Some(result);
        };
        count_caption(why);
        tagged.caption.status = why;
        let tagged = Ok(tagged);
        self.answer(job, priority, tagged, (result.timings, result.run))
            .await
    }

    fn result(
        &self,
        job: &Job,
        outcome: Result<Tagged, Fault>,
        timings: Timings,
        run: Run,
    ) -> JobResult {
        JobResult {
            v: WIRE_VERSION,
            id: job.id.clone(),
            tenant: job.tenant.clone(),
            worker: self.name.clone(),
            outcome,
            timings,
            run,
        }
    }
}

/// Acks a job whose result is safe, and tells of it.
async fn end(delivery: Delivery, result: &JobResult) {
    let attempt = delivery.attempt;
    let priority = delivery.priority;
    common::fail_point!("worker.before-ack");
    let acked = matches!(delivery.ack().await, Ok(true));
    let code = outcome::code(result);
    telemetry::record_stages("worker", &result.timings, OWN);
    count_job(JobQueue::Tagging, priority, code);
    log_stages!(
        "job",
        // The API server's line holds the same stages.
        quiet = result.outcome.is_ok(),
        result.timings,
        id = result.id,
        tenant = result.tenant,
        priority = priority.name(),
        attempt,
        code,
        caption_status = outcome::caption_status(result),
        acked
    );
}
