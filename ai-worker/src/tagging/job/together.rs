//! What a tagger, the models beside it and the pixels themselves tell, put together.

use std::sync::Arc;

use common::{
    fault::Fault,
    image::Part,
    model::Subject,
    wire::{Features, Job, Quality, Seen, Tag},
};
use tags::TagRules;

use super::{
    Decoding, TaggingWorker,
    look::{ANIMAL, AuxiliaryResults},
    words::Auxiliary,
};
use crate::tagging::{
    auxiliary::{fused, without_apes, without_doubtful_faces},
    decode::Picture,
    pixels::{self, Palette},
    served::{Served, Version},
    spoken::spoken,
    tagger::Tagger,
};

/// What a picture's answer tells, but for the caption.
pub struct Combined {
    pub tags: Vec<Tag>,
    /// What the caption may speak of.
    pub spoken: Vec<Tag>,
    pub seen: Seen,
}

/// What a picture tells without a model.
#[derive(Default)]
struct Measured {
    palette: Option<Palette>,
    quality: Option<Quality>,
}

impl TaggingWorker {
    pub(super) fn put_together(
        &self,
        job: &Job,
        tagger: &Tagger,
        scores: &[f32],
        auxiliary: AuxiliaryResults,
        picture: &Picture,
    ) -> Result<Combined, Fault> {
        let beside = self.beside(job);
        let beside: Vec<&TagRules> = beside.iter().map(|version| &version.tagger.rules).collect();
        let tags = tagger.select(job, scores, &beside)?;
        let sure = match job.features.caption {
            true => tagger.sure(job, scores, &beside)?,
            false => Vec::new(),
        };
        let AuxiliaryResults {
            tags: mut others,
            mut seen,
            animal,
            looks,
            ..
        } = auxiliary;
        without_doubtful_faces(&mut others, &mut seen);
        if seen.people.is_some() && !animal && tagger.sees(ANIMAL, scores) {
            without_apes(&mut others, &mut seen);
        }
        let spoken = spoken(sure, &others, &seen, job.language);
        if own_is_asked(job, tagger) {
            seen.join(tagger.seen(scores, Part::WHOLE));
        }
        if job.features.embedding {
            seen.embedding = tagger.embedding(scores);
        }
        let pixels = self.measured(job, picture);
        let palette = pixels.palette.as_ref();
        seen.colors = palette.map(|palette| palette.most(job.language));
        seen.quality = pixels.quality;
        let beside = Auxiliary {
            looks: &looks,
            seen: &seen,
            palette,
        };
        let mut told = self.words(job, tagger, scores, beside)?;
        if job.features.tags {
            told.extend(fused(tags, others, tagger.limit(job)));
        }
        let tags = told;
        Ok(Combined { tags, spoken, seen })
    }

    /// Returns the models that a job names beside its own.
    fn beside(&self, job: &Job) -> Vec<Arc<Version>> {
        let served = job
            .also
            .iter()
            .filter_map(|also| self.models.find(&also.model));
        served.map(Served::stable).collect()
    }

    /// Returns what the pixels tell by themselves, of what is asked. It takes some 100 µs.
    fn measured(&self, job: &Job, picture: &Picture) -> Measured {
        let Features {
            colors, quality, ..
        } = job.features;
        let is_asked = (colors || quality) && self.decoding != Decoding::Never;
        let Some(rgb) = is_asked.then(|| picture.pixels().ok()).flatten() else {
            return Measured::default();
        };
        Measured {
            palette: colors.then(|| Palette::of(rgb)),
            quality: quality.then(|| pixels::quality(rgb, picture.width())),
        }
    }
}

/// Returns whether a job wants to hear what its own model looks for.
fn own_is_asked(job: &Job, tagger: &Tagger) -> bool {
    match tagger.model.subject() {
        Some(Subject::People | Subject::Faces) => job.features.people,
        Some(Subject::Safety) => job.features.safety,
        Some(Subject::Text) => job.features.text,
        Some(Subject::Reading | Subject::Other) | None => false,
    }
}
