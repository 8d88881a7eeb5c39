//! The words of a caller's own vocabulary that hold of a picture.

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Job, Seen, Tag},
};
use tags::{Confidences, custom};
use vocabulary::{Picture, Subject, Sureness, UnknownTag, Vocabulary};

use super::{TaggingWorker, look::ModelScores};
use crate::tagging::{pixels::Palette, tagger::Tagger};

/// What is known of a picture beside its tagger's scores.
#[derive(Clone, Copy)]
pub struct Auxiliary<'a> {
    /// What the models beside the tagger give their tags.
    pub looks: &'a [ModelScores],
    /// What is told of the picture, once contradictions are settled.
    pub seen: &'a Seen,
    pub palette: Option<&'a Palette>,
}

struct Known<'a> {
    worker: &'a TaggingWorker,
    own: Confidences<'a>,
    others: Vec<(&'a ModelScores, Confidences<'a>)>,
    beside: Auxiliary<'a>,
    /// Whether a name that is no model's tag is unknown, as what nobody looked for, and no fault.
    is_lenient: bool,
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
        let others = beside.looks.iter();
        let picture = Known {
            worker: self,
            own: tagger.confidences(job, scores),
            others: others.map(|look| (look, look.confidences(job))).collect(),
            beside,
            is_lenient: job.tenant_words,
        };
        let held = vocabulary.held(&picture);
        let held = held.map_err(|unknown| unusable(unknown.to_string()))?;
        let tags = held.iter().map(|held| custom(held, job.language));
        Ok(tags.collect())
    }
}

impl Known<'_> {
    /// Returns how sure the models beside the tagger are of a tag, where one that knows it has looked.
    fn beside(&self, tag: &str) -> Option<Sureness> {
        let told = self.others.iter().filter_map(|(look, confidences)| {
            let sureness = confidences.of(tag)?;
            let said = look.says_somebody(tag, sureness.confidence);
            let is_taken_back = said && self.is_nobody_there();
            Some(match is_taken_back {
                true => Sureness::default(),
                false => sureness,
            })
        });
        told.reduce(Sureness::joined)
    }

    /// Returns whether people were looked for and nobody is left: no word speaks of whom the answer does not count.
    fn is_nobody_there(&self) -> bool {
        self.looked_for_people() && self.beside.seen.head_count(0.0) == 0
    }

    fn looked_for_people(&self) -> bool {
        let Seen { people, faces, .. } = self.beside.seen;
        people.is_some() || faces.is_some()
    }
}

impl Picture for Known<'_> {
    fn sureness(&self, tag: &str) -> Result<Option<Sureness>, UnknownTag> {
        let own = self.own.of(tag).map(|own| Sureness {
            is_least: own.is_least && !self.looked_for_people(),
            ..own
        });
        let known = own.into_iter().chain(self.beside(tag));
        if let Some(sureness) = known.reduce(Sureness::joined) {
            return Ok(Some(sureness));
        }
        let mut models = self.worker.models.all().iter();
        if self.is_lenient || models.any(|model| model.stable().tagger.knows(tag)) {
            return Ok(None);
        }
        Err(UnknownTag(tag.to_owned()))
    }

    fn number(&self, subject: &Subject) -> Option<f64> {
        let Seen {
            people,
            faces,
            quality,
            ..
        } = self.beside.seen;
        match subject {
            Subject::People => people
                .as_ref()
                .map(|_| self.beside.seen.head_count(0.0) as f64),
            Subject::Faces => faces.as_ref().map(|faces| faces.regions.len() as f64),
            Subject::Color(color) => {
                let palette = self.beside.palette;
                palette.map(|palette| f64::from(palette.share(*color)))
            }
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
