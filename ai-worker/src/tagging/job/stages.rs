//! The stages of one job: decode, wait for a batch, infer, choose the tags, caption.

use std::time::Instant;

use common::{
    fault::{Code, Fault},
    image::Part,
    model::ModelKind,
    queue::Priority,
    stage::{Stage, StageClock},
    wire::{self, BatchRun, Job, RETURN_MARGIN, Tag, Tagged},
};

use super::{
    Decoding, Progress, TaggingWorker, Tiles,
    scoring::{decode, score},
    together::Combined,
};
use crate::{
    captioning::{Caption, CaptionRequest, Captioned, PendingCaption},
    tagging::{
        batching::Scored,
        decode::{Picture, Tile},
        served::Served,
    },
};

/// What is to be done with a job that was worked on.
pub enum Ended {
    /// Its caller gets this.
    Answer(Result<Tagged, Fault>),
    /// It goes on to a captioning worker.
    HandOff {
        tagged: Tagged,
        pending: PendingCaption,
    },
}

impl Progress {
    /// Ends the stages up to what the models saw. `last`: when the last of those beside the tagger had looked.
    fn end_infer(&mut self, scored: &Scored, last: Option<Instant>) {
        self.run.batch = Some(BatchRun {
            images: scored.images as u32,
            closed: scored.closed.name().to_owned(),
        });
        self.clock.end_at(Stage::BatchWait, scored.taken);
        self.clock.end_at(Stage::Decode, scored.started);
        let finished = last.map_or(scored.finished, |it| it.max(scored.finished));
        self.clock.end_at(Stage::Infer, finished);
    }
}

impl TaggingWorker {
    pub(super) async fn tag(
        &self,
        job: &Job,
        tiles: Tiles,
        priority: Priority,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Ended {
        match self.try_tag(job, tiles, priority, deadline, progress).await {
            Ok(ended) => ended,
            Err(fault) => Ended::Answer(Err(fault)),
        }
    }

    async fn try_tag(
        &self,
        job: &Job,
        tiles: Tiles,
        priority: Priority,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<Ended, Fault> {
        let served = self.served(&job.model)?;
        if served.stable().tagger.model.kind == ModelKind::Phrase {
            let when = (priority, deadline);
            let phrase = tiles.own.into_bytes();
            let found = self.find_tags(job, &phrase, served, when, progress);
            return Ok(Ended::Answer(found.await));
        }
        if Instant::now() >= deadline {
            return Err(no_time());
        }
        let Tiles { own, also, lines } = tiles;
        let picture = self.picture(served, own, &mut progress.clock).await?;
        common::fail_point!("worker.before-infer");
        let scoring = score(served, priority, picture.clone(), deadline);
        let looking = self.look(job, also, priority, deadline);
        let (scored, mut auxiliary) = tokio::join!(scoring, looking);
        let (scored, version) = scored?;
        let tagger = &version.tagger;
        if let Some(lines) = lines {
            let own = tagger.seen(&scored.scores, Part::WHOLE).text;
            let text = auxiliary.seen.text.as_ref().or(own.as_ref());
            let read = self.read(job, lines, text, priority, deadline).await;
            auxiliary.join(read);
        }
        progress.end_infer(&scored, auxiliary.finished);
        let clock = &mut progress.clock;
        let Combined { tags, spoken, seen } =
            self.put_together(job, tagger, &scored.scores, auxiliary, &picture)?;
        let kept = job.features.scores.then(|| tagger.kept(&scored.scores));
        clock.end(Stage::Postprocess);
        let caption = self.caption(job, priority, &spoken, deadline).await;
        let tagged = |caption| Tagged {
            model: tagger.model.id.clone(),
            tags,
            caption,
            seen: seen.into(),
            scores: kept,
        };
        Ok(ended(caption, tagged, clock))
    }

    pub(super) fn served(&self, model: &str) -> Result<&Served, Fault> {
        self.models.find(model).ok_or_else(|| {
            let detail = format!("This worker serves {}.", self.models.names());
            Fault::new(Code::ModelNotFound, Stage::Queue, detail).retryable(true)
        })
    }

    /// Returns the picture, decoded if that is not left to the engine thread.
    async fn picture(
        &self,
        served: &Served,
        tile: Tile,
        clock: &mut StageClock,
    ) -> Result<Picture, Fault> {
        match self.decoding {
            Decoding::Never => Ok(Picture::decoded(tile.into_bytes())),
            Decoding::OnEngineThread => Ok(Picture::new(tile, served.tile())),
            Decoding::Ahead => {
                let picture = Picture::new(tile, served.tile());
                decode(picture.clone()).await?;
                clock.end(Stage::Decode);
                Ok(picture)
            }
        }
    }

    async fn caption(
        &self,
        job: &Job,
        priority: Priority,
        tags: &[Tag],
        deadline: Instant,
    ) -> Caption {
        let written_by = deadline
            .checked_sub(RETURN_MARGIN)
            .unwrap_or(deadline)
            .min(Instant::now() + self.caption_timeout);
        let asked = CaptionRequest {
            priority,
            language: job.language,
            shed: job.shed_caption,
        };
        let wanted = job.features.caption;
        let caption = self.captions.caption(wanted, tags, asked, written_by).await;
        let is_unsure = wanted && tags.is_empty() && !self.captions.are_off(asked);
        caption.marked_unsure(is_unsure)
    }
}

/// Decides what happens next: here alone it matters what became of the caption.
fn ended(
    caption: Caption,
    tagged: impl FnOnce(wire::Caption) -> Tagged,
    clock: &mut StageClock,
) -> Ended {
    match caption {
        Caption::Written(Captioned { caption, started }) => {
            clock.end_at(Stage::CaptionWait, started);
            clock.end(Stage::Caption);
            Ended::Answer(Ok(tagged(caption)))
        }
        Caption::Unwritten(caption) => Ended::Answer(Ok(tagged(caption))),
        Caption::HandOff {
            provisional: caption,
            pending,
        } => {
            let tagged = tagged(caption);
            Ended::HandOff { tagged, pending }
        }
    }
}

pub(super) fn no_time() -> Fault {
    Fault::new(
        Code::DeadlineExceeded,
        Stage::Queue,
        "no time was left when a worker was free",
    )
}
