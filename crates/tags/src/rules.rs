//! All that a model's tags depend on but its scores, and the one way from scores to tags.

use std::collections::BTreeMap;

use common::{
    model::{Manifest, ModelKind},
    wire::{Job, Language, Selection, Tag, TagQuery},
};

use vocabulary::Sureness;

use super::{
    Node,
    calibration::Calibration,
    filter::{Filter, UnknownName, check},
    select::{Choice, Said, select, sure_of_classes, sure_of_parents},
    taxonomy::{Taxonomy, TaxonomyError},
};

/// How sure a model is of each of its tags.
#[derive(Debug)]
pub struct Confidences<'a> {
    rules: &'a TagRules,
    least: Least,
    of_classes: Vec<f32>,
    of_parents: Vec<f32>,
}

impl Confidences<'_> {
    /// By any name of a tag; of a word that stands for several tags, the surest of those that are told, or of all where none is.
    /// Nothing where no tag has that name.
    pub fn of(&self, name: &str) -> Option<Sureness> {
        let nodes = self.rules.taxonomy.names.tags(name).iter();
        let surenesses = nodes.map(|node| self.of_node(*node));
        surenesses.max_by(|one, other| {
            let told = one.is_told.cmp(&other.is_told);
            told.then(one.confidence.total_cmp(&other.confidence))
        })
    }

    fn of_node(&self, node: Node) -> Sureness {
        let taxonomy = &self.rules.taxonomy;
        let (entry, confidence) = match node {
            Node::Class(class) => (&taxonomy.classes[class], self.of_classes[class]),
            Node::Parent(parent) => (&taxonomy.parents[parent], self.of_parents[parent]),
        };
        let least = self.least.of(self.rules.own_threshold(&entry.name));
        Sureness {
            confidence,
            is_told: confidence > 0.0 && confidence >= least,
            // A tagger knows a few trades. People in general are seen by detectors.
            is_least: entry.name == PERSON && self.rules.kind != ModelKind::Detector,
        }
    }
}

/// The tag that stands for people.
pub const PERSON: &str = "person";

#[derive(Debug)]
pub struct TagRules {
    pub taxonomy: Taxonomy,
    pub calibration: Calibration,
    pub kind: ModelKind,
    pub default_threshold: f32,
    pub default_limit: u16,
    /// How sure it has to be of single tags; of the others by its default.
    pub thresholds: BTreeMap<String, f32>,
    /// Which weights its calibration is of; 0 where that is not told.
    pub weights: u64,
}

/// What somebody wants to hear of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub limit: Option<u16>,
    pub threshold: Option<f32>,
    pub language: Language,
    pub selection: &'a Selection,
}

impl<'a> From<&'a Job> for Wanted<'a> {
    fn from(job: &'a Job) -> Self {
        Self {
            limit: job.limit,
            threshold: job.threshold,
            language: job.language,
            selection: &job.selection,
        }
    }
}

impl<'a> From<&'a TagQuery> for Wanted<'a> {
    fn from(asked: &'a TagQuery) -> Self {
        Self {
            limit: asked.limit,
            threshold: asked.threshold,
            language: asked.language,
            selection: &asked.selection,
        }
    }
}

/// The same, looked up in the model's names: for any number of pictures.
#[derive(Debug)]
pub struct Prepared<'a> {
    choice: Choice<'a>,
    limit: usize,
    least: Least,
}

/// How sure a model has to be of a tag, depending on that tag's own threshold.
#[derive(Clone, Copy, Debug)]
enum Least {
    /// As it was asked for, or the tag's own.
    Wanted(Option<f32>),
    /// The higher of both.
    Higher(f32),
}

impl Least {
    fn of(self, own: f32) -> f32 {
        match self {
            Self::Wanted(asked) => asked.unwrap_or(own),
            Self::Higher(asked) => asked.max(own),
        }
    }
}

impl TagRules {
    pub fn new(manifest: &Manifest, taxonomy: Taxonomy) -> Result<Self, TaxonomyError> {
        let is_unknown = |name: &&String| taxonomy.names.tags(name).is_empty();
        if let Some(name) = manifest.thresholds.keys().find(is_unknown) {
            return Err(TaxonomyError::UnknownTag { name: name.clone() });
        }
        Ok(Self {
            weights: weights(manifest),
            calibration: Calibration::new(manifest, &taxonomy)?,
            taxonomy,
            kind: manifest.kind,
            default_threshold: manifest.default_threshold,
            default_limit: manifest.default_limit,
            thresholds: manifest.thresholds.clone(),
        })
    }

    /// Says which classes its scores are of, and which weights gave them.
    pub fn fingerprint(&self) -> u64 {
        self.taxonomy.fingerprint() ^ self.weights
    }

    pub fn prepare<'a>(&'a self, wanted: Wanted<'a>) -> Result<Prepared<'a>, UnknownName> {
        let filter = Filter::new(&self.taxonomy, wanted.selection)?;
        Ok(self.prepared(wanted, filter, Least::Wanted(wanted.threshold)))
    }

    /// The same where others look beside it: a name that one of those knows is no fault. Nothing where none of what is asked for
    /// is this model's.
    pub fn prepare_among<'a>(
        &'a self,
        wanted: Wanted<'a>,
        others: &[&Self],
    ) -> Result<Option<Prepared<'a>>, UnknownName> {
        let mut models = vec![&self.taxonomy];
        models.extend(others.iter().map(|other| &other.taxonomy));
        check(&models, wanted.selection)?;
        let filter = Filter::of_known(&self.taxonomy, wanted.selection);
        Ok(filter.map(|filter| self.prepared(wanted, filter, Least::Wanted(wanted.threshold))))
    }

    /// The same of a model beside the one that is asked. A name that it does not know is the other's affair, and what it is less
    /// sure of than it has to be is not told, whatever threshold the other one's tags may have.
    pub fn prepare_beside<'a>(&'a self, wanted: Wanted<'a>) -> Option<Prepared<'a>> {
        let filter = Filter::of_known(&self.taxonomy, wanted.selection)?;
        let least = Least::Higher(wanted.threshold.unwrap_or_default());
        Some(self.prepared(wanted, filter, least))
    }

    fn prepared<'a>(
        &'a self,
        wanted: Wanted<'a>,
        filter: Filter<'a>,
        least: Least,
    ) -> Prepared<'a> {
        let thresholds = self.thresholds.values().copied();
        let lowest = thresholds.fold(self.default_threshold, f32::min);
        let limit = self.limit(wanted);
        let choice = Choice {
            threshold: least.of(lowest),
            // Some of them may go again.
            limit: if self.thresholds.is_empty() {
                limit
            } else {
                usize::MAX
            },
            filter,
            language: wanted.language,
        };
        Prepared {
            choice,
            limit,
            least,
        }
    }

    /// Returns how many tags somebody wants.
    pub fn limit(&self, wanted: Wanted<'_>) -> usize {
        wanted.limit.unwrap_or(self.default_limit).into()
    }

    /// Returns which tags are said of a picture whose classes have these shares.
    pub fn said<'a>(&'a self, shares: &[u16], prepared: &Prepared<'_>) -> Vec<Said<'a>> {
        let mut said = self.chosen(shares, &prepared.choice);
        if !self.thresholds.is_empty() {
            said.retain(|it| it.confidence >= prepared.least.of(self.own_threshold(it.id())));
        }
        said.truncate(prepared.limit);
        said
    }

    pub fn tags(&self, shares: &[u16], prepared: &Prepared<'_>) -> Vec<Tag> {
        let language = prepared.choice.language;
        let said = self.said(shares, prepared).into_iter();
        said.map(|it| it.tag(&self.taxonomy, language)).collect()
    }

    /// Returns what fits a choice, whatever thresholds single tags have.
    pub fn chosen<'a>(&'a self, shares: &[u16], choice: &Choice<'_>) -> Vec<Said<'a>> {
        let believed = self.calibration.believed(shares);
        select(&self.taxonomy, self.kind, &believed, choice)
    }

    /// Returns how sure the model is of every tag, and whether that is enough for who asked for this confidence, if any.
    pub fn confidences(&self, shares: &[u16], asked: Option<f32>) -> Confidences<'_> {
        self.confidences_at(shares, Least::Wanted(asked))
    }

    /// The same of a model beside the one that is asked.
    pub fn confidences_beside(&self, shares: &[u16], asked: Option<f32>) -> Confidences<'_> {
        self.confidences_at(shares, Least::Higher(asked.unwrap_or_default()))
    }

    fn confidences_at(&self, shares: &[u16], least: Least) -> Confidences<'_> {
        let believed = self.calibration.believed(shares);
        Confidences {
            rules: self,
            least,
            of_classes: sure_of_classes(&believed),
            of_parents: sure_of_parents(&self.taxonomy, self.kind, &believed),
        }
    }

    pub fn own_threshold(&self, tag: &str) -> f32 {
        let own = self.thresholds.get(tag).copied();
        own.unwrap_or(self.default_threshold)
    }
}

/// Tells weights apart by the start of their graph's hash. Its forms in 8 bits and half precision are of the same weights.
fn weights(manifest: &Manifest) -> u64 {
    let graph = manifest.files.graph.as_ref();
    let digits = graph.and_then(|graph| graph.sha256.get(..16));
    let parsed = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    parsed.unwrap_or_default()
}
