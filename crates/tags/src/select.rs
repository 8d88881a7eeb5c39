//! Which of a thousand scores are worth saying, and in which order.

use common::{
    model::ModelKind,
    wire::{Language, Tag},
};

use super::{
    Node,
    calibration::Believed,
    filter::Filter,
    taxonomy::{Entry, Taxonomy},
};

/// A child with so much of its parent's confidence says all that the parent
/// could: the parent follows it. With less, the parent is the surer word and leads.
const DOMINANT_SHARE: f32 = 0.6;

/// Scores below this change no parent visibly.
const NEGLIGIBLE: f32 = 1e-5;

/// What of the scores is to be said, and how.
#[derive(Debug)]
pub struct Choice<'a> {
    pub threshold: f32,
    pub limit: usize,
    pub filter: Filter<'a>,
    pub language: Language,
}

struct Candidate<'a> {
    node: Node,
    entry: &'a Entry,
    confidence: f32,
    /// Its place in the answer; higher is earlier.
    rank: f32,
}

/// A class or parent that is said of a picture.
#[derive(Debug)]
pub struct Said<'a> {
    pub node: Node,
    entry: &'a Entry,
    pub confidence: f32,
}

impl Said<'_> {
    /// Its English name.
    pub fn id(&self) -> &str {
        &self.entry.name
    }

    pub fn category(&self) -> &str {
        &self.entry.category
    }

    pub fn tag(&self, taxonomy: &Taxonomy, language: Language) -> Tag {
        taxonomy.tag(self.entry, self.confidence, language)
    }
}

/// Returns at most `limit` classes and parents with at least `threshold` confidence, the most telling first.
pub fn select<'a>(
    taxonomy: &'a Taxonomy,
    kind: ModelKind,
    believed: &Believed,
    choice: &Choice,
) -> Vec<Said<'a>> {
    let rolled = roll_up(taxonomy, kind, &believed.scores);
    let mut said = classes(taxonomy, believed, choice);
    said.extend(parents(taxonomy, &rolled, believed, choice));
    said.sort_by(|a, b| {
        b.rank
            .total_cmp(&a.rank)
            .then_with(|| b.entry.parents.len().cmp(&a.entry.parents.len()))
    });
    said.truncate(choice.limit);
    said.into_iter().map(Candidate::said).collect()
}

/// Returns how sure the model is of each class.
pub fn sure_of_classes(believed: &Believed) -> Vec<f32> {
    let scores = believed.scores.iter();
    scores.map(|score| score.min(believed.most)).collect()
}

/// Returns how sure the model is of each parent.
pub fn sure_of_parents(taxonomy: &Taxonomy, kind: ModelKind, believed: &Believed) -> Vec<f32> {
    let rolled = roll_up(taxonomy, kind, &believed.scores).into_iter();
    rolled
        .map(|rolled| rolled.confidence.min(believed.most))
        .collect()
}

impl<'a> Candidate<'a> {
    fn said(self) -> Said<'a> {
        Said {
            node: self.node,
            entry: self.entry,
            confidence: self.confidence,
        }
    }
}

/// Few of a thousand classes are sure enough, so that is asked first, in a plain loop: most of the time goes into it.
fn classes<'a>(taxonomy: &'a Taxonomy, believed: &Believed, choice: &Choice) -> Vec<Candidate<'a>> {
    let mut wanted = Vec::new();
    for (index, score) in believed.scores.iter().enumerate() {
        let confidence = score.min(believed.most);
        if confidence >= choice.threshold {
            let entry = &taxonomy.classes[index];
            let node = Node::Class(index);
            if choice.filter.allows(node, entry) {
                wanted.push(Candidate {
                    node,
                    entry,
                    confidence,
                    rank: *score,
                });
            }
        }
    }
    wanted
}

fn parents<'a>(
    taxonomy: &'a Taxonomy,
    rolled: &[Rolled],
    believed: &Believed,
    choice: &Choice,
) -> Vec<Candidate<'a>> {
    let mut wanted = Vec::new();
    for (index, rolled) in rolled.iter().enumerate() {
        let confidence = rolled.confidence.min(believed.most);
        if confidence >= choice.threshold {
            let entry = &taxonomy.parents[index];
            let node = Node::Parent(index);
            if choice.filter.allows(node, entry) {
                wanted.push(Candidate {
                    node,
                    entry,
                    confidence,
                    rank: rolled.rank,
                });
            }
        }
    }
    wanted
}

#[derive(Clone, Copy, Default)]
struct Rolled {
    confidence: f32,
    rank: f32,
    /// Confidence and rank of the surest class or parent below.
    below: (f32, f32),
}

fn without_negligible(score: &f32) -> f32 {
    if *score > NEGLIGIBLE { *score } else { 0.0 }
}

/// Adds up these classes, and finds the surest of them. No branch depends on a score, since nobody can guess which ones count.
fn summed(scores: &[f32], classes: &[u32]) -> Rolled {
    let mut sum = 0.0;
    let mut surest = 0.0_f32;
    for class in classes {
        let score = scores[*class as usize];
        sum += score;
        surest = surest.max(score);
    }
    Rolled {
        confidence: sum,
        rank: 0.0,
        below: (surest, surest),
    }
}

/// Returns the confidence of each parent: the sum over its classes where one class is
/// true, the surest of them where each is a question of its own.
fn roll_up(taxonomy: &Taxonomy, kind: ModelKind, scores: &[f32]) -> Vec<Rolled> {
    let scores: Vec<f32> = scores.iter().map(without_negligible).collect();
    let of_classes = taxonomy
        .classes_below()
        .map(|classes| summed(&scores, classes));
    let mut rolled: Vec<Rolled> = of_classes.collect();
    for index in taxonomy.upwards() {
        let parent = &mut rolled[index];
        // As most of them are of most pictures.
        if parent.below.0 == 0.0 {
            continue;
        }
        parent.conclude(kind);
        let confidence = parent.confidence;
        let rank = parent.rank;
        for above in &taxonomy.parents[index].parents {
            rolled[*above].hear_of(confidence, rank);
        }
    }
    rolled
}

impl Rolled {
    fn hear_of(&mut self, confidence: f32, rank: f32) {
        if confidence > self.below.0 {
            self.below = (confidence, rank);
        }
    }

    /// Settles confidence and rank once all that is below was heard of.
    fn conclude(&mut self, kind: ModelKind) {
        let (surest, its_rank) = self.below;
        self.confidence = match kind {
            ModelKind::Softmax => self.confidence.min(1.0),
            _ => surest,
        };
        let is_dominated = surest >= DOMINANT_SHARE * self.confidence;
        self.rank = if is_dominated {
            its_rank
        } else {
            self.confidence
        };
    }
}
