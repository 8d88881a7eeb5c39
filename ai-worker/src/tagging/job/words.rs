//! The words of a caller's own vocabulary that hold of a picture.

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Job, Seen, Tag},
};
use tags::{Confidences, custom};
use vocabulary::{Picture, Subject, UnknownTag, Vocabulary};

use super::TaggingWorker;
use crate::tagging::tagger::Tagger;

/// What is known of a picture beside its tagger's scores.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// The tags that the models beside the tagger tell.
    pub tags: &'a [Tag],
    /// Those of them that have looked.
    pub models: &'a [String],
    pub seen: &'a Seen,
}

struct Known<'a> {
    worker: &'a TaggingWorker,
    confidences: Confidences<'a>,
    threshold: f32,
    beside: Beside<'a>,
}

impl TaggingWorker {
    /// Returns them as tags, in the order of the vocabulary.
    pub(super) fn words(
        &self,
        job: &Job,
        tagger: &Tagger,
        scores: &[f32],
        beside: Beside<'_>,
    ) -> Result<Vec<Tag>, Fault> {
        let Some(text) = job.vocabulary.as_deref().filter(|_| job.features.tags) else {
            return Ok(Vec::new());
        };
        let vocabulary = Vocabulary::parse(text).map_err(|error| unusable(error.to_string()))?;
        let picture = Known {
            worker: self,
            confidences: tagger.confidences(scores),
            threshold: job.threshold.unwrap_or(tagger.rules.default_threshold),
            beside,
        };
        let held = vocabulary.held(&picture);
        let held = held.map_err(|unknown| unusable(unknown.to_string()))?;
        let tags = held.iter().map(|held| custom(held, job.language));
        Ok(tags.collect())
    }
}

impl Known<'_> {
    fn is_known_by(&self, model: &str, tag: &str) -> bool {
        let served = self.worker.models.find(model);
        served.is_some_and(|served| served.stable().tagger.knows(tag))
    }

    /// Returns what the models beside the tagger say of a tag, where one of them knows it and was asked.
    fn beside(&self, tag: &str) -> Option<f32> {
        let mut looked = self.beside.models.iter();
        if !looked.any(|model| self.is_known_by(model, tag)) {
            return None;
        }
        let is_meant = |told: &&Tag| told.id() == tag || told.name == tag;
        let told = self.beside.tags.iter().filter(is_meant);
        Some(told.map(|told| told.confidence).fold(0.0, f32::max))
    }
}

impl Picture for Known<'_> {
    fn confidence(&self, tag: &str) -> Result<Option<f32>, UnknownTag> {
        let own = self.confidences.of(tag);
        let beside = self.beside(tag);
        if own.is_some() || beside.is_some() {
            let surest = own.unwrap_or_default().max(beside.unwrap_or_default());
            return Ok(Some(surest));
        }
        let mut models = self.worker.models.all().iter();
        match models.any(|model| model.stable().tagger.knows(tag)) {
            true => Ok(None),
            false => Err(UnknownTag(tag.to_owned())),
        }
    }

    fn threshold(&self) -> f32 {
        self.threshold
    }

    fn number(&self, subject: &Subject) -> Option<f64> {
        let Seen {
            people,
            faces,
            colors,
            quality,
            ..
        } = self.beside.seen;
        match subject {
            Subject::People => people
                .as_ref()
                .map(|_| self.beside.seen.head_count(0.0) as f64),
            Subject::Faces => faces.as_ref().map(|faces| faces.regions.len() as f64),
            Subject::Color(color) => colors.as_ref().map(|colors| {
                let same = colors
                    .iter()
                    .find(|it| it.id == *color || it.name == *color);
                same.map_or(0.0, |it| f64::from(it.share))
            }),
            Subject::Brightness => quality.map(|quality| f64::from(quality.brightness)),
            Subject::Contrast => quality.map(|quality| f64::from(quality.contrast)),
            Subject::Sharpness => quality.map(|quality| f64::from(quality.sharpness)),
            Subject::Tag(_) => None,
        }
    }
}

fn unusable(detail: String) -> Fault {
    Fault::new(Code::InvalidRequest, Stage::Postprocess, detail)
}
