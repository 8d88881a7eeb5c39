//! A worker that only tags: what wants a caption goes on to the workers that
//! only write them. Before it does, the answer without it is stored, so that
//! whoever waits has its tags in time whatever becomes of the caption.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use common::{
    bus::{Bus, ResultKey},
    queue::{JobQueue, Message, Priority, Queue, QueueError},
    shutdown::Shutdown,
    wire::{
        self, Caption, CaptionJob, CaptionStatus, Job, JobResult, Language, Tag, WIRE_VERSION,
        WorkerInfo,
    },
};

use crate::{
    announce::{CAPTIONERS, EVERY},
    caption::{stand_in, subjects},
};

/// Answers without a caption are kept for so long after they were due.
const KEPT: Duration = Duration::from_secs(5);
/// With less time than this a caption would come too late anyway.
const LEAST: Duration = Duration::from_millis(150);
/// What stands for writers that nobody knows of.
const NOBODY: &str = "template";

#[derive(Debug)]
pub struct Relay {
    queue: Queue,
    bus: Bus,
    /// What the captioners that live call their model.
    writer: Mutex<Option<String>>,
}

impl Relay {
    /// Knows already who is there.
    pub async fn new(queue: Queue, bus: Bus) -> Self {
        let relay = Self {
            queue,
            bus,
            writer: Mutex::default(),
        };
        relay.look().await;
        relay
    }

    /// Keeps an eye on who is there, until `shutdown`.
    pub async fn watch(&self, shutdown: Shutdown) {
        while shutdown
            .run_until_cancelled(tokio::time::sleep(EVERY))
            .await
            .is_some()
        {
            self.look().await;
        }
    }

    async fn look(&self) {
        // A bus that does not answer says nothing of the captioners.
        let Ok(announced) = self.bus.announced(CAPTIONERS).await else {
            return;
        };
        let mut infos = announced
            .iter()
            .filter_map(|said| wire::decode::<WorkerInfo>(said).ok());
        let writer = infos.next().map(|info| info.captioner);
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = writer;
    }

    fn known_writer(&self) -> Option<String> {
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn writer(&self) -> String {
        self.known_writer().unwrap_or_else(|| NOBODY.to_owned())
    }

    /// `unavailable` where nobody is there; else `skipped_deadline`, which it stays unless somebody writes in time.
    pub fn stand_in(&self, wanted: bool, tags: &[Tag], language: Language) -> Caption {
        let subjects = if wanted { subjects(tags) } else { Vec::new() };
        let is_there = self.known_writer().is_some();
        let status = if is_there {
            CaptionStatus::SkippedDeadline
        } else {
            CaptionStatus::Unavailable
        };
        stand_in(&subjects, language, status)
    }

    pub fn is_to_be_written(caption: &Caption) -> bool {
        caption.status == CaptionStatus::SkippedDeadline
    }

    /// Hands a result on; the job may be acknowledged then. Else says why its caption will not be written.
    pub async fn pass_on(
        &self,
        job: &Job,
        subjects: Vec<Tag>,
        priority: Priority,
        result: &JobResult,
    ) -> Result<(), CaptionStatus> {
        let tagged_at_us = self.bus.now_us();
        let spent = Duration::from_micros(tagged_at_us.saturating_sub(job.published_at_us));
        let left = Duration::from_millis(job.budget_ms.into()).saturating_sub(spent);
        if left < LEAST {
            return Err(CaptionStatus::SkippedDeadline);
        }
        let key = ResultKey {
            tenant: job.tenant.clone(),
            id: job.id.clone(),
        };
        let provisional = Bytes::from(wire::encode(result));
        let stored = self
            .bus
            .store_provisional(&key, provisional, left + KEPT)
            .await;
        stored.map_err(|error| unavailable(&error, &job.id))?;
        let caption_job = CaptionJob {
            v: WIRE_VERSION,
            reply_to: job.reply_to.clone(),
            language: job.language,
            subjects,
            published_at_us: job.published_at_us,
            budget_ms: job.budget_ms,
            tagged_at_us,
            result: result.clone(),
        };
        let message = Message {
            payload: Bytes::from(wire::encode(&caption_job)),
            ttl: left,
        };
        match self
            .queue
            .publish(JobQueue::Captioning, priority, message)
            .await
        {
            Ok(()) => Ok(()),
            Err(QueueError::Full) => Err(CaptionStatus::SkippedDeadline),
            Err(error) => Err(unavailable(&error, &job.id)),
        }
    }
}

fn unavailable(error: &dyn std::error::Error, id: &str) -> CaptionStatus {
    tracing::warn!(%error, id, "the job could not be sent on for its caption");
    CaptionStatus::Unavailable
}
