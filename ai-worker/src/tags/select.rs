//! Which of a thousand scores are worth saying, and in which order.

use common::{model::Kind, wire::Tag};

use super::Taxonomy;

/// A child with so much of its parent's confidence says all that the parent
/// could: the parent follows it. With less, the parent is the surer word and leads.
const DOMINANT_SHARE: f32 = 0.6;

/// Scores below this change no parent visibly; skipping them saves most of the work.
const NEGLIGIBLE: f32 = 1e-5;

struct Candidate<'a> {
    name: &'a str,
    category: &'a str,
    parents: &'a [usize],
    confidence: f32,
    /// Where it stands in the answer; higher is earlier.
    rank: f32,
}

/// At most `limit` tags with at least `threshold` confidence, the most telling first.
pub fn select(taxonomy: &Taxonomy, kind: Kind, scores: &[f32], threshold: f32, limit: usize) -> Vec<Tag> {
    let mut candidates = classes(taxonomy, scores, threshold);
    candidates.extend(parents(taxonomy, kind, scores, threshold));
    candidates.sort_by(|a, b| b.rank.total_cmp(&a.rank).then_with(|| b.parents.len().cmp(&a.parents.len())));
    candidates.truncate(limit);
    let named = |parents: &[usize]| parents.iter().map(|p| taxonomy.parents[*p].name.clone()).collect();
    candidates
        .into_iter()
        .map(|candidate| Tag {
            name: candidate.name.to_owned(),
            confidence: candidate.confidence,
            category: candidate.category.to_owned(),
            parents: named(candidate.parents),
        })
        .collect()
}

fn classes<'a>(taxonomy: &'a Taxonomy, scores: &[f32], threshold: f32) -> Vec<Candidate<'a>> {
    let sure = taxonomy.classes.iter().zip(scores).filter(|(_, score)| **score >= threshold);
    sure.map(|(class, score)| Candidate {
        name: &class.name,
        category: &class.category,
        parents: &class.parents,
        confidence: *score,
        rank: *score,
    })
    .collect()
}

fn parents<'a>(taxonomy: &'a Taxonomy, kind: Kind, scores: &[f32], threshold: f32) -> Vec<Candidate<'a>> {
    let rolled = roll_up(taxonomy, kind, scores);
    let sure = taxonomy.parents.iter().zip(rolled).filter(|(_, rolled)| rolled.confidence >= threshold);
    sure.map(|(parent, rolled)| Candidate {
        name: &parent.name,
        category: &parent.category,
        parents: &parent.parents,
        confidence: rolled.confidence,
        rank: rolled.rank,
    })
    .collect()
}

#[derive(Clone, Copy, Default)]
struct Rolled {
    confidence: f32,
    rank: f32,
    /// Confidence and rank of the surest class or parent below.
    below: (f32, f32),
}

/// Confidence of each parent: the sum over its classes where one class is
/// true, the surest of them where each is a question of its own.
fn roll_up(taxonomy: &Taxonomy, kind: Kind, scores: &[f32]) -> Vec<Rolled> {
    let mut rolled = vec![Rolled::default(); taxonomy.parents.len()];
    for (class, score) in taxonomy.classes.iter().zip(scores).filter(|(_, score)| **score > NEGLIGIBLE) {
        for parent in &class.parents {
            let parent = &mut rolled[*parent];
            parent.confidence += score;
            parent.hear_of(*score, *score);
        }
    }
    for index in taxonomy.upwards() {
        let parent = &mut rolled[index];
        parent.confidence = if kind == Kind::Softmax { parent.confidence.min(1.0) } else { parent.below.0 };
        let dominated = parent.below.0 >= DOMINANT_SHARE * parent.confidence;
        parent.rank = if dominated { parent.below.1 } else { parent.confidence };
        let Rolled { confidence, rank, .. } = *parent;
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taxonomy() -> Taxonomy {
        let labels = r#"{"classes":[
            {"name":"tabby","category":"animal","parents":["cat","animal"]},
            {"name":"Egyptian cat","category":"animal","parents":["cat","animal"]},
            {"name":"beagle","category":"animal","parents":["dog","animal"]},
            {"name":"espresso","category":"food","parents":["drink"]}],
            "parents":{"cat":{"category":"animal"},"dog":{"category":"animal"},
                       "animal":{"category":"animal"},"drink":{"category":"food"}}}"#;
        Taxonomy::from_json(labels.as_bytes()).expect("valid labels")
    }

    fn names(kind: Kind, scores: [f32; 4], threshold: f32, limit: usize) -> Vec<String> {
        select(&taxonomy(), kind, &scores, threshold, limit).into_iter().map(|tag| tag.name).collect()
    }

    #[test]
    fn an_unsure_breed_is_a_sure_cat() {
        let tags = select(&taxonomy(), Kind::Softmax, &[0.45, 0.4, 0.05, 0.01], 0.1, 10);
        let said: Vec<_> = tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(said, ["cat", "animal", "tabby", "Egyptian cat"]);
        assert!((tags[0].confidence - 0.85).abs() < 1e-6);
        assert_eq!(tags[0].parents, ["animal"]);
        assert_eq!(tags[2].parents, ["cat", "animal"]);
    }

    #[test]
    fn a_sure_class_leads_its_parents() {
        assert_eq!(names(Kind::Softmax, [0.0, 0.0, 0.0, 0.95], 0.1, 10), ["espresso", "drink"]);
        assert_eq!(names(Kind::Softmax, [0.9, 0.05, 0.0, 0.0], 0.1, 2), ["tabby", "cat"]);
    }

    #[test]
    fn nothing_certain_is_an_answer() {
        assert!(names(Kind::Softmax, [0.05, 0.02, 0.02, 0.05], 0.2, 10).is_empty());
    }

    #[test]
    fn questions_of_their_own_do_not_add_up() {
        let tags = select(&taxonomy(), Kind::Sigmoid, &[0.6, 0.7, 0.0, 0.0], 0.65, 10);
        let cat = tags.iter().find(|tag| tag.name == "cat").expect("the surest cat is sure enough");
        assert_eq!(cat.confidence, 0.7);
    }
}
