//! The models beside a job's own: each is asked at the same time, and one that fails costs its own part alone.

use std::{sync::Arc, time::Instant};

use common::{
    fault::Fault,
    image::Part,
    queue::Priority,
    wire::{Job, RETURN_MARGIN, Seen, Tag},
};
use futures_util::future::join_all;
use tags::{Confidences, PERSON};
use tokio::time::timeout_at;

use super::{
    AuxiliaryPicture, Decoding, TaggingWorker,
    read::Read,
    scoring::{decode, no_tile, score, too_late},
};
use crate::{
    metrics::{AUXILIARY_FAILURES, AUXILIARY_RUNS, AUXILIARY_SKIPPED},
    tagging::{
        auxiliary::lets_through,
        decode::Picture,
        served::{Served, Version},
    },
};

/// The category of what is taken for people now and then.
pub const ANIMAL: &str = "animal";

/// What all of them saw.
#[derive(Debug, Default)]
pub struct AuxiliaryResults {
    pub tags: Vec<Tag>,
    pub seen: Seen,
    /// What each of them gave all of its tags, where a vocabulary asks that.
    pub looks: Vec<ModelScores>,
    /// Whether one of them sees an animal.
    pub animal: bool,
    /// When the last of them had looked.
    pub finished: Option<Instant>,
}

/// One model's scores, all of them, whatever of its tags is told.
#[derive(Debug)]
pub struct ModelScores {
    version: Arc<Version>,
    scores: Vec<f32>,
}

impl ModelScores {
    fn asked(job: &Job, version: Arc<Version>, scores: Vec<f32>) -> Vec<Self> {
        match job.vocabulary {
            Some(_) => vec![Self { version, scores }],
            None => Vec::new(),
        }
    }

    /// Returns how sure the model is of its tags.
    pub fn confidences(&self, job: &Job) -> Confidences<'_> {
        self.version.tagger.confidences_beside(job, &self.scores)
    }

    /// Returns whether a tag of that name, told with that confidence, says that somebody is there.
    pub fn says_somebody(&self, tag: &str, confidence: f32) -> bool {
        let rules = &self.version.tagger.rules;
        let names = &rules.taxonomy.names;
        let meant = names.tags(tag);
        let is_person = !meant.is_empty() && meant == names.tags(PERSON);
        is_person && confidence >= rules.own_threshold(PERSON)
    }
}

impl AuxiliaryResults {
    /// Adds what was read, if anything could be.
    pub fn join(&mut self, read: Option<Read>) {
        if let Some(Read { reading, finished }) = read {
            self.seen.reading = Some(reading);
            self.finished = self.finished.max(finished);
        }
    }
}

impl TaggingWorker {
    /// Asks all models that a job names beside its own, at the same time. One that would make the whole answer late is not waited
    /// for.
    pub(super) async fn look(
        &self,
        job: &Job,
        also: Vec<AuxiliaryPicture>,
        priority: Priority,
        deadline: Instant,
    ) -> AuxiliaryResults {
        // As much again for the caption and the way back.
        let late = deadline.checked_sub(2 * RETURN_MARGIN).unwrap_or(deadline);
        let looking = also.into_iter().map(async |also| {
            let model = also.model.clone();
            metrics::counter!(AUXILIARY_RUNS, "model" => model.clone()).increment(1);
            let looking = self.look_by(job, also, priority, deadline);
            let looked = timeout_at(late.into(), looking).await;
            let looked = looked.unwrap_or_else(|_| Err(too_late()));
            looked.inspect_err(|fault| {
                tracing::debug!(id = job.id, model, %fault, "a model beside the tagger saw nothing");
                metrics::counter!(AUXILIARY_FAILURES, "model" => model).increment(1);
            })
        });
        let mut all = AuxiliaryResults::default();
        for sight in join_all(looking).await.into_iter().flatten() {
            all.tags.extend(sight.tags);
            all.looks.extend(sight.looks);
            all.animal |= sight.animal;
            all.finished = all.finished.max(sight.finished);
            all.seen.join(sight.seen);
        }
        all
    }

    async fn look_by(
        &self,
        job: &Job,
        also: AuxiliaryPicture,
        priority: Priority,
        deadline: Instant,
    ) -> Result<AuxiliaryResults, Fault> {
        let served = self.served(&also.model)?;
        let picture = Picture::new(also.tile, served.tile());
        if let Some(unseen) = self.spared(job, served, &picture).await? {
            return Ok(unseen);
        }
        let (scored, version) = score(served, priority, picture, deadline).await?;
        let tagger = &version.tagger;
        Ok(AuxiliaryResults {
            tags: tagger.select_beside(job, &scored.scores),
            seen: tagger.seen(&scored.scores, also.shown),
            animal: tagger.sees(ANIMAL, &scored.scores),
            finished: Some(scored.finished),
            looks: ModelScores::asked(job, version, scored.scores),
        })
    }
}

impl TaggingWorker {
    /// Returns what a model would say of a picture that it is not even shown, where it is spared that.
    async fn spared(
        &self,
        job: &Job,
        served: &Served,
        picture: &Picture,
    ) -> Result<Option<AuxiliaryResults>, Fault> {
        let version = served.stable();
        let tagger = version.tagger.clone();
        let Some(gate) = tagger.gate.filter(|_| self.decoding != Decoding::Never) else {
            return Ok(None);
        };
        decode(picture.clone()).await?;
        let rgb = picture
            .pixels()
            .map_err(|error| no_tile(error.to_string()))?;
        if lets_through(gate, rgb) {
            return Ok(None);
        }
        metrics::counter!(AUXILIARY_SKIPPED, "model" => served.name().to_owned()).increment(1);
        let nothing = vec![0.0; tagger.rules.taxonomy.classes.len()];
        Ok(Some(AuxiliaryResults {
            seen: tagger.seen(&nothing, Part::WHOLE),
            looks: ModelScores::asked(job, version, nothing),
            ..AuxiliaryResults::default()
        }))
    }
}
