//! What a caption speaks of: the few tags that say something of their own.

use common::wire::Tag;

use super::english::bare;

const MOST: usize = 3;

/// A person is of no kind, and yet says most of a photo.
const PERSON: &str = "person";

/// A second thing is spoken of only if it is so sure by itself, and so sure
/// beside the first.
const LEAST_CONFIDENCE: f32 = 0.12;
const LEAST_SHARE: f32 = 0.3;

/// Longer names are no names of things in photos.
const LONGEST_NAME: usize = 40;
const MOST_WORDS: usize = 5;

/// Returns the surest tags of which none is a kind of another: a sure `tabby` stands
/// for `cat` and `animal`, an unsure one is left out where `cat` was said. The
/// most general words (`structure`, `food`) are used only where nothing else is sure.
pub fn subjects(tags: &[Tag]) -> Vec<&Tag> {
    let speakable = || tags.iter().filter(|tag| is_speakable(&tag.name));
    let is_telling = |tag: &&Tag| !tag.parents.is_empty() || tag.id() == PERSON;
    let telling = unrelated(speakable().filter(is_telling));
    if telling.is_empty() {
        unrelated(speakable())
    } else {
        telling
    }
}

/// Returns whether a name may stand in a prompt and in a sentence. A vocabulary may
/// come from a stranger: what could be markup, an address or an order is
/// neither shown to a language model nor said.
fn is_speakable(name: &str) -> bool {
    let name = bare(name);
    let allowed = |c: char| c.is_alphanumeric() || " -'".contains(c);
    let words = name.split(' ').filter(|word| !word.is_empty()).count();
    name.chars().all(allowed)
        && name.chars().count() <= LONGEST_NAME
        && (1..=MOST_WORDS).contains(&words)
}

fn unrelated<'a>(tags: impl Iterator<Item = &'a Tag>) -> Vec<&'a Tag> {
    let mut chosen: Vec<&Tag> = Vec::new();
    for tag in tags {
        let related =
            |other: &&Tag| other.parents.contains(&tag.name) || tag.parents.contains(&other.name);
        let least = |first: &&Tag| LEAST_CONFIDENCE.max(LEAST_SHARE * first.confidence);
        let faint = chosen
            .first()
            .is_some_and(|first| tag.confidence < least(first));
        if chosen.len() < MOST && !faint && !chosen.iter().any(related) {
            chosen.push(tag);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, parents: &[&str]) -> Tag {
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        Tag {
            id: String::new(),
            name: name.into(),
            confidence: 0.5,
            category: "other".into(),
            category_name: String::new(),
            parents,
        }
    }

    #[test]
    fn kinds_of_one_thing_are_said_once() {
        let tags = [
            tag("cat", &["animal"]),
            tag("animal", &[]),
            tag("tabby", &["cat", "animal"]),
            tag("sofa", &["furniture"]),
        ];
        let names: Vec<_> = subjects(&tags)
            .iter()
            .map(|tag| tag.name.as_str())
            .collect();
        assert_eq!(names, ["cat", "sofa"]);
        let general: Vec<_> = subjects(&tags[1..2])
            .iter()
            .map(|tag| tag.name.as_str())
            .collect();
        assert_eq!(general, ["animal"]);
    }
}
