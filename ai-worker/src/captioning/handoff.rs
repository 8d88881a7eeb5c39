//! A worker that only tags: what wants a caption goes on to the captioning
//! workers. Before it does, the answer without it is stored, so that whoever
//! waits has its tags in time whatever becomes of the caption.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use common::{
    bus::Bus,
    queue::{JobQueue, Message, Priority, Queue, QueueError},
    shutdown::Shutdown,
    wire::{
        self, CaptionJob, CaptionStatus, Job, JobResult, Language, Tag, WIRE_VERSION, WorkerInfo,
        announced,
    },
};

use super::{
    Caption, CaptionRequest,
    template::{self, subjects},
};
use crate::{metrics::count_caption, outcome};

/// How often captioning workers are looked for: as often as workers announce themselves.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// Answers without a caption are kept for so long after they were due.
const KEPT: Duration = Duration::from_secs(5);
/// A caption that has less time than this would come too late anyway.
const LEAST: Duration = Duration::from_millis(150);

#[derive(Debug)]
pub struct Handoff {
    queue: Queue,
    bus: Bus,
    /// What the captioning workers that live call their model.
    captioner: Mutex<Option<String>>,
}

impl Handoff {
    /// Returns once it knows who is there.
    pub async fn new(queue: Queue, bus: Bus) -> Self {
        let handoff = Self {
            queue,
            bus,
            captioner: Mutex::default(),
        };
        handoff.look().await;
        handoff
    }

    /// Keeps an eye on who is there, until `shutdown`.
    pub async fn watch(&self, shutdown: Shutdown) {
        while shutdown
            .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
            .await
            .is_some()
        {
            self.look().await;
        }
    }

    async fn look(&self) {
        // A bus that does not answer says nothing of the captioning workers.
        let Ok(announced) = self.bus.announced(announced::CAPTIONER).await else {
            return;
        };
        let mut infos = announced
            .iter()
            .filter_map(|said| wire::decode::<WorkerInfo>(said).ok());
        let captioner = infos.next().map(|info| info.captioner);
        *self
            .captioner
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = captioner;
    }

    fn known_captioner(&self) -> Option<String> {
        self.captioner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn has_language_model(&self) -> bool {
        let known = self.known_captioner();
        known.is_some_and(|name| name != template::NAME && name != "off")
    }

    /// Returns the name of who writes; where nobody is known, the template's.
    pub fn captioner(&self) -> String {
        self.known_captioner()
            .unwrap_or_else(|| template::NAME.to_owned())
    }

    /// Says what is to become of a caption. Only one that is not handed on is counted here: the
    /// others are counted by who writes them.
    pub fn caption(self: &Arc<Self>, wanted: bool, tags: &[Tag], asked: CaptionRequest) -> Caption {
        let subjects = if wanted { subjects(tags) } else { Vec::new() };
        if subjects.is_empty() {
            return unwritten(template::none());
        }
        let language = asked.language;
        if asked.shed && language == Language::En && self.has_language_model() {
            let status = CaptionStatus::SkippedOverload;
            return unwritten(template::caption(&subjects, language, status));
        }
        if self.known_captioner().is_none() {
            let status = CaptionStatus::Unavailable;
            return unwritten(template::caption(&subjects, language, status));
        }
        // So it stays unless somebody writes in time.
        let status = CaptionStatus::SkippedDeadline;
        Caption::HandOff {
            provisional: template::caption(&subjects, language, status),
            pending: PendingCaption {
                handoff: self.clone(),
                subjects: subjects.into_iter().cloned().collect(),
            },
        }
    }
}

/// A caption that a captioning worker is to write.
#[derive(Debug)]
pub struct PendingCaption {
    handoff: Arc<Handoff>,
    /// What it has to speak of.
    subjects: Vec<Tag>,
}

impl PendingCaption {
    /// Hands a result on; the job may be acknowledged then. Else says why its caption will not be written.
    pub async fn hand_off(
        self,
        job: &Job,
        priority: Priority,
        result: &JobResult,
    ) -> Result<(), CaptionStatus> {
        let Handoff { queue, bus, .. } = &*self.handoff;
        let tagged_at_us = bus.now_us();
        let left = job.left(tagged_at_us);
        if left < LEAST {
            return Err(CaptionStatus::SkippedDeadline);
        }
        let provisional = outcome::sealed(job.seal.as_ref(), result);
        bus.store_provisional(&job.key(), provisional, left + KEPT)
            .await
            .map_err(|error| unavailable(&error, &job.id))?;
        let caption_job = caption_job(job, self.subjects, tagged_at_us, result);
        let message = Message {
            payload: Bytes::from(wire::encode(&caption_job)),
            ttl: left,
        };
        match queue.publish(JobQueue::Captioning, priority, message).await {
            Ok(()) => Ok(()),
            Err(QueueError::Full) => Err(CaptionStatus::SkippedDeadline),
            Err(error) => Err(unavailable(&error, &job.id)),
        }
    }
}

fn unwritten(caption: wire::Caption) -> Caption {
    count_caption(caption.status);
    Caption::Unwritten(caption)
}

fn caption_job(job: &Job, subjects: Vec<Tag>, tagged_at_us: u64, result: &JobResult) -> CaptionJob {
    CaptionJob {
        v: WIRE_VERSION,
        reply_to: job.reply_to.clone(),
        language: job.language,
        subjects,
        published_at_us: job.published_at_us,
        budget_ms: job.budget_ms,
        seal: job.seal.clone(),
        tagged_at_us,
        result: result.clone(),
    }
}

fn unavailable(error: &dyn std::error::Error, id: &str) -> CaptionStatus {
    tracing::warn!(%error, id, "the job could not be sent on for its caption");
    CaptionStatus::Unavailable
}
