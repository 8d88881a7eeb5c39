//! What makes tags of a model's scores.

use std::collections::BTreeMap;

use common::{
    fault::{Code, Fault},
    image::Part,
    model::{Gate, Kind, Spoken, Subject},
    stage::Stage,
    wire::{Embedding, Grade, Grades, Job, Language, ModelInfo, People, Seen, Tag},
};

use super::beside::Boxes;
use super::pieces::Pieces;
use super::reading::Alphabet;
use super::tags::{self, Calibration, Choice, Filter, Node, Taxonomy};

/// The class of which each box is told.
pub const PERSON: &str = "person";

#[derive(Debug)]
pub struct Tagger {
    pub taxonomy: Taxonomy,
    pub model: ModelInfo,
    pub calibration: Calibration,
    pub spoken: Spoken,
    pub gate: Option<Gate>,
    /// How sure it has to be of single tags; of the others by its default.
    pub thresholds: BTreeMap<String, f32>,
    /// What a reader of lines tells apart; others have a taxonomy.
    pub alphabet: Option<Alphabet>,
    /// What a phrase is cut into, where it takes phrases.
    pub pieces: Option<Pieces>,
}

impl Tagger {
    /// Returns what `job` wants to hear of the scores.
    pub fn select(&self, job: &Job, scores: &[f32]) -> Result<Vec<Tag>, Fault> {
        let filter = Filter::new(&self.taxonomy, &job.selection).map_err(|unknown| {
            Fault::new(
                Code::InvalidRequest,
                Stage::Postprocess,
                unknown.to_string(),
            )
        })?;
        Ok(self.told(job, scores, filter, |own| job.threshold.unwrap_or(own)))
    }

    /// Returns what a caption could speak of, whatever the caller's limit and threshold leave of it.
    pub fn sure(&self, job: &Job, scores: &[f32]) -> Result<Vec<Tag>, Fault> {
        let usual = Job {
            limit: None,
            threshold: None,
            ..job.clone()
        };
        let mut tags = self.select(&usual, scores)?;
        tags.retain(|tag| self.is_sure(tag));
        Ok(tags)
    }

    /// The same of a model beside the one that the job is for. A name that it does not know is the other's affair, and what it
    /// is less sure of than it has to be is not told, whatever threshold the other one's tags may have.
    pub fn select_beside(&self, job: &Job, scores: &[f32]) -> Vec<Tag> {
        // How fit it is for whom is for the caller to say.
        if self.model.subject() == Some(Subject::Safety) {
            return Vec::new();
        }
        let Some(filter) = Filter::of_known(&self.taxonomy, &job.selection) else {
            return Vec::new();
        };
        let asked = job.threshold.unwrap_or_default();
        self.told(job, scores, filter, |own| asked.max(own))
    }

    /// `least`: how sure it has to be of a tag whose own threshold is this one.
    fn told(
        &self,
        job: &Job,
        scores: &[f32],
        filter: Filter<'_>,
        least: impl Fn(f32) -> f32,
    ) -> Vec<Tag> {
        let default = self.model.default_threshold;
        let lowest = self.thresholds.values().copied().fold(default, f32::min);
        let limit = self.limit(job);
        let choice = Choice {
            threshold: least(lowest),
            // Some of them may go again.
            limit: if self.thresholds.is_empty() {
                limit
            } else {
                usize::MAX
            },
            filter,
            language: job.language,
        };
        let mut tags = self.chosen(scores, &choice);
        tags.retain(|tag| tag.confidence >= least(self.own_threshold(tag.id())));
        tags.truncate(limit);
        tags
    }

    fn own_threshold(&self, tag: &str) -> f32 {
        let own = self.thresholds.get(tag).copied();
        own.unwrap_or(self.model.default_threshold)
    }

    /// Returns whether it is as sure of something of a category as a caption or its own threshold wants it, whatever its caller
    /// wants to hear.
    pub fn sees(&self, category: &str, scores: &[f32]) -> bool {
        let choice = Choice {
            threshold: self.model.default_threshold,
            limit: usize::MAX,
            filter: Filter::default(),
            language: Language::En,
        };
        let is_sure = |tag: &Tag| match self.model.kind {
            Kind::Detector => true,
            _ => self.is_sure(tag),
        };
        let tags = self.chosen(scores, &choice);
        tags.iter()
            .any(|tag| tag.category == category && is_sure(tag))
    }

    /// Returns what it looks for beside a tagger, as far as it saw that. `shown`: what of the picture its tile shows.
    pub fn seen(&self, scores: &[f32], shown: Part) -> Seen {
        let mut seen = Seen::default();
        match self.model.subject() {
            Some(Subject::People) => seen.people = self.people(scores, shown),
            Some(Subject::Faces) => seen.faces = self.people(scores, shown),
            Some(Subject::Safety) => seen.safety = Some(self.grades(scores)),
            Some(Subject::Text) => seen.text = Some(self.grades(scores)),
            // What lines say is not in one picture's scores.
            Some(Subject::Reading | Subject::Other) | None => {}
        }
        seen
    }

    /// Returns the text of a symbol that it sees in a line.
    pub fn symbol(&self, number: usize) -> &str {
        let alphabet = self.alphabet.as_ref();
        alphabet.map_or("", |alphabet| alphabet.text(number))
    }

    /// Returns where people are; nothing where this is no detector, or knows none.
    fn people(&self, scores: &[f32], shown: Part) -> Option<People> {
        if self.model.kind != Kind::Detector {
            return None;
        }
        let classes = &self.taxonomy.classes;
        let person = classes.iter().position(|class| class.name == PERSON)?;
        let boxes = Boxes::new(scores, classes.len());
        Some(People {
            model: self.model.id.clone(),
            regions: boxes.regions(person, self.own_threshold(PERSON), shown),
        })
    }

    /// Returns what the graph tells of the picture beside its scores, if it does.
    pub fn embedding(&self, scores: &[f32]) -> Option<Embedding> {
        self.model.embedding?;
        let features = scores.get(self.taxonomy.classes.len()..)?;
        Embedding::of(self.model.id.clone(), features)
    }

    /// Returns the scores alone, without an embedding behind them.
    pub fn own<'a>(&self, scores: &'a [f32]) -> &'a [f32] {
        match self.model.embedding {
            Some(_) => &scores[..self.taxonomy.classes.len().min(scores.len())],
            None => scores,
        }
    }

    fn grades(&self, scores: &[f32]) -> Grades {
        let graded = self.taxonomy.classes.iter().zip(scores);
        let grades = graded.map(|(class, score)| Grade {
            id: class.name.clone(),
            score: *score,
        });
        Grades {
            model: self.model.id.clone(),
            grades: grades.collect(),
        }
    }

    /// Returns whether a tag of this model is sure enough for a sentence.
    fn is_sure(&self, tag: &Tag) -> bool {
        let least = match self.taxonomy.names.tags(tag.id()).first() {
            Some(Node::Class(_)) => self.spoken.class,
            Some(Node::Parent(_)) | None => self.spoken.parent,
        };
        tag.confidence >= least
    }

    /// Returns how many tags a job wants.
    pub fn limit(&self, job: &Job) -> usize {
        job.limit.unwrap_or(self.model.default_limit).into()
    }

    fn chosen(&self, scores: &[f32], choice: &Choice<'_>) -> Vec<Tag> {
        let kind = self.model.kind;
        let of_boxes = (kind == Kind::Detector)
            .then(|| Boxes::new(scores, self.taxonomy.classes.len()).surest());
        let scores = of_boxes.as_deref().unwrap_or(self.own(scores));
        let believed = self.calibration.believed(scores);
        tags::select(&self.taxonomy, kind, &believed, choice)
    }
}
