//! Tags of several models as one list.

use common::wire::Tag;

/// Adds what other models saw to a tagger's tags, whose order stays. Where both name the same thing, they are surer together
/// than each alone. A thing that only others saw stands where its confidence puts it.
pub fn fused(mut tags: Vec<Tag>, others: Vec<Tag>, limit: usize) -> Vec<Tag> {
    for other in merged(others) {
        match tags.iter_mut().find(|tag| tag.id() == other.id()) {
            Some(same) => same.confidence = both(same.confidence, other.confidence),
            None => {
                let place = tags
                    .iter()
                    .position(|tag| tag.confidence < other.confidence);
                tags.insert(place.unwrap_or(tags.len()), other);
            }
        }
    }
    tags.truncate(limit);
    tags
}

/// Tells each thing once that several of the other models see.
fn merged(others: Vec<Tag>) -> Vec<Tag> {
    let mut merged: Vec<Tag> = Vec::new();
    for other in others {
        match merged.iter_mut().find(|tag| tag.id() == other.id()) {
            Some(same) => same.confidence = both(same.confidence, other.confidence),
            None => merged.push(other),
        }
    }
    merged
}

/// As if they erred independently: wrong only where both are.
fn both(one: f32, other: f32) -> f32 {
    1.0 - (1.0 - one) * (1.0 - other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(id: &str, confidence: f32) -> Tag {
        Tag {
            id: id.into(),
            name: id.into(),
            confidence,
            category: "other".into(),
            category_name: "other".into(),
            parents: Vec::new(),
        }
    }

    fn named(tags: &[Tag]) -> Vec<(&str, f32)> {
        let rounded = |tag: &Tag| (tag.confidence * 100.0).round() / 100.0;
        tags.iter().map(|tag| (tag.id(), rounded(tag))).collect()
    }

    #[test]
    fn what_two_models_see_is_surer_and_what_one_sees_is_there() {
        let tagger = vec![tag("cat", 0.8), tag("animal", 0.9), tag("sofa", 0.3)];
        let detector = vec![tag("cat", 0.5), tag("person", 0.6)];
        let both = fused(tagger, detector, 10);
        assert_eq!(
            named(&both),
            [
                ("cat", 0.9),
                ("animal", 0.9),
                ("person", 0.6),
                ("sofa", 0.3)
            ]
        );
    }

    #[test]
    fn what_two_others_see_stands_where_both_put_it() {
        let tagger = vec![tag("a", 0.9), tag("b", 0.7)];
        let others = vec![tag("person", 0.5), tag("person", 0.9)];
        let told = fused(tagger, others, 2);
        assert_eq!(named(&told), [("person", 0.95), ("a", 0.9)]);
    }

    #[test]
    fn no_more_are_told_than_were_asked_for() {
        let tagger = vec![tag("a", 0.5), tag("b", 0.4)];
        let told = fused(tagger, vec![tag("person", 0.9)], 2);
        assert_eq!(named(&told), [("person", 0.9), ("a", 0.5)]);
    }
}
