//! The words of a caller's own vocabulary that hold of a picture.

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Job, Seen, Tag},
};
use tags::{Confidences, custom};
use vocabulary::{Picture, Subject, UnknownTag, Vocabulary};

use super::{TaggingWorker, look::ModelScores};
use crate::tagging::tagger::Tagger;

/// What is known of a picture beside its tagger's scores.
#[derive(Clone, Copy)]
pub struct Auxiliary<'a> {
    /// What the models beside the tagger give their tags.
    pub looks: &'a [ModelScores],
    pub seen: &'a Seen,
    /// Whether an animal was taken for people, and that taken back.
    pub apes: bool,
}

struct Known<'a> {
    worker: &'a TaggingWorker,
    confidences: Confidences<'a>,
    threshold: f32,
    beside: Auxiliary<'a>,
}

impl TaggingWorker {
    /// Returns them as tags, in the order of the vocabulary.
    pub(super) fn words(
        &self,
        job: &Job,
        tagger: &Tagger,
        scores: &[f32],
        beside: Auxiliary<'_>,
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
    /// Returns how sure the surest model beside the tagger is of a tag, where one that knows it has looked.
    fn beside(&self, tag: &str) -> Option<f32> {
        let told = self.beside.looks.iter().filter_map(|look| {
            let confidence = look.confidence(tag)?;
            let is_taken_back = self.beside.apes && look.is_of_people(tag);
            Some(if is_taken_back { 0.0 } else { confidence })
        });
        told.reduce(f32::max)
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
