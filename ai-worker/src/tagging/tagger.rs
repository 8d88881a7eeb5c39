//! What makes tags of a model's scores.

use common::{
    fault::{Code, Fault},
    image::Part,
    model::{Gate, ModelKind, Spoken, Subject},
    stage::Stage,
    wire::{Embedding, Grade, Grades, Job, Language, ModelInfo, People, Scores, Seen, Tag},
};
use tags::{
    Choice, Confidences, Entry, Filter, Node, PERSON, Prepared, TagRules, UnknownName, pack, shares,
};

use super::auxiliary::Boxes;
use super::pieces::Pieces;
use super::reading::Alphabet;

#[derive(Debug)]
pub struct Tagger {
    pub rules: TagRules,
    pub model: ModelInfo,
    pub spoken: Spoken,
    pub gate: Option<Gate>,
    /// What a reader of lines tells apart; others have a taxonomy.
    pub alphabet: Option<Alphabet>,
    /// What a phrase is cut into, where it takes phrases.
    pub pieces: Option<Pieces>,
}

impl Tagger {
    /// Returns what `job` wants to hear of the scores. `beside`: who looks beside it, and knows names that it does not know.
    pub fn select(
        &self,
        job: &Job,
        scores: &[f32],
        beside: &[&TagRules],
    ) -> Result<Vec<Tag>, Fault> {
        let prepared = self.rules.prepare_among(job.into(), beside);
        let prepared = prepared.map_err(unknown_name)?;
        Ok(prepared.map_or_else(Vec::new, |prepared| self.told(scores, &prepared)))
    }

    /// Returns what a caption could speak of, whatever the caller's limit and threshold leave of it.
    pub fn sure(&self, job: &Job, scores: &[f32], beside: &[&TagRules]) -> Result<Vec<Tag>, Fault> {
        let usual = Job {
            limit: None,
            threshold: None,
            ..job.clone()
        };
        let mut tags = self.select(&usual, scores, beside)?;
        tags.retain(|tag| self.is_sure(tag.id(), tag.confidence));
        Ok(tags)
    }

    /// The same of a model beside the one that the job is for.
    pub fn select_beside(&self, job: &Job, scores: &[f32]) -> Vec<Tag> {
        // How fit it is for whom is for the caller to say.
        if self.model.subject() == Some(Subject::Safety) {
            return Vec::new();
        }
        let prepared = self.rules.prepare_beside(job.into());
        prepared.map_or_else(Vec::new, |prepared| self.told(scores, &prepared))
    }

    fn told(&self, scores: &[f32], prepared: &Prepared<'_>) -> Vec<Tag> {
        self.rules.tags(&self.shares(scores), prepared)
    }

    /// Returns how sure it is of every tag, for a job of its own.
    pub fn confidences(&self, job: &Job, scores: &[f32]) -> Confidences<'_> {
        self.rules.confidences(&self.shares(scores), job.threshold)
    }

    /// The same for a job of the model that it looks beside.
    pub fn confidences_beside(&self, job: &Job, scores: &[f32]) -> Confidences<'_> {
        let shares = self.shares(scores);
        self.rules.confidences_beside(&shares, job.threshold)
    }

    /// Returns whether it has a tag of that name.
    pub fn knows(&self, tag: &str) -> bool {
        !self.rules.taxonomy.names.tags(tag).is_empty()
    }

    /// Returns the scores as they can be kept: the very ones that tags are made of.
    pub fn kept(&self, scores: &[f32]) -> Scores {
        pack(self.rules.fingerprint(), &self.shares(scores))
    }

    /// Returns how sure it is of each class, as tags are made of it.
    fn shares(&self, scores: &[f32]) -> Vec<u16> {
        match self.model.kind {
            ModelKind::Detector => {
                shares(&Boxes::new(scores, self.rules.taxonomy.classes.len()).surest())
            }
            _ => shares(self.own(scores)),
        }
    }

    /// Returns whether it is as sure of something of a category as a caption or its own threshold wants it, whatever its caller
    /// wants to hear.
    pub fn sees(&self, category: &str, scores: &[f32]) -> bool {
        let choice = Choice {
            threshold: self.rules.default_threshold,
            limit: usize::MAX,
            filter: Filter::default(),
            language: Language::En,
        };
        let is_sure = |tag: &str, confidence| match self.model.kind {
            ModelKind::Detector => true,
            _ => self.is_sure(tag, confidence),
        };
        let said = self.rules.chosen(&self.shares(scores), &choice);
        said.iter()
            .any(|it| it.category() == category && is_sure(it.id(), it.confidence))
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

    /// Returns the things that a detector is sure enough of to tell them.
    pub fn things(&self, scores: &[f32]) -> Vec<&str> {
        let classes = &self.rules.taxonomy.classes;
        let surest = Boxes::new(scores, classes.len()).surest();
        let is_told =
            |(class, score): &(&Entry, f32)| *score >= self.rules.own_threshold(&class.name);
        let told = classes.iter().zip(surest).filter(is_told);
        told.map(|(class, _)| class.name.as_str()).collect()
    }

    /// Returns the text of a symbol that it sees in a line.
    pub fn symbol(&self, number: usize) -> &str {
        let alphabet = self.alphabet.as_ref();
        alphabet.map_or("", |alphabet| alphabet.text(number))
    }

    /// Returns where people are; nothing where this is no detector, or knows none.
    fn people(&self, scores: &[f32], shown: Part) -> Option<People> {
        if self.model.kind != ModelKind::Detector {
            return None;
        }
        let classes = &self.rules.taxonomy.classes;
        let person = classes.iter().position(|class| class.name == PERSON)?;
        let boxes = Boxes::new(scores, classes.len());
        Some(People {
            model: self.model.id.clone(),
            regions: boxes.regions(person, self.rules.own_threshold(PERSON), shown),
        })
    }

    /// Returns what the graph tells of the picture beside its scores, if it does.
    pub fn embedding(&self, scores: &[f32]) -> Option<Embedding> {
        self.model.embedding?;
        let features = scores.get(self.rules.taxonomy.classes.len()..)?;
        Embedding::of(self.model.id.clone(), features)
    }

    /// Returns the scores alone, without an embedding behind them.
    pub fn own<'a>(&self, scores: &'a [f32]) -> &'a [f32] {
        match self.model.embedding {
            Some(_) => &scores[..self.rules.taxonomy.classes.len().min(scores.len())],
            None => scores,
        }
    }

    fn grades(&self, scores: &[f32]) -> Grades {
        let graded = self.rules.taxonomy.classes.iter().zip(scores);
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
    fn is_sure(&self, tag: &str, confidence: f32) -> bool {
        let least = match self.rules.taxonomy.names.tags(tag).first() {
            Some(Node::Class(_)) => self.spoken.class,
            Some(Node::Parent(_)) | None => self.spoken.parent,
        };
        confidence >= least
    }

    /// Returns how many tags a job wants.
    pub fn limit(&self, job: &Job) -> usize {
        self.rules.limit(job.into())
    }
}

fn unknown_name(unknown: UnknownName) -> Fault {
    Fault::new(
        Code::InvalidRequest,
        Stage::Postprocess,
        unknown.to_string(),
    )
}
