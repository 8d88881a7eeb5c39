//! Sentences from a pattern: always true to the tags, never surprising.

use common::wire::Tag;

pub const NAME: &str = "template";

/// `subjects` is not empty.
pub fn write(subjects: &[&Tag]) -> String {
    let named: Vec<String> = subjects.iter().map(|tag| with_article(&tag.name)).collect();
    let list = match named.as_slice() {
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    format!("A photo of {list}.")
}

/// English names are mostly countable; what looks like a plural stands alone.
fn with_article(name: &str) -> String {
    let plural = name.ends_with('s') && !name.ends_with("ss") && !name.ends_with("us");
    match (plural, begins_with_vowel(name)) {
        (true, _) => name.to_owned(),
        (false, true) => format!("an {name}"),
        (false, false) => format!("a {name}"),
    }
}

pub fn begins_with_vowel(word: &str) -> bool {
    word.starts_with(|c: char| "aeiouAEIOU".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_read_well() {
        let tag = |name: &str| Tag {
            id: String::new(),
            name: name.into(),
            confidence: 1.0,
            category: String::new(),
            category_name: String::new(),
            parents: vec![],
        };
        let (espresso, cup, glasses) = (tag("espresso"), tag("cup"), tag("sunglasses"));
        assert_eq!(write(&[&espresso]), "A photo of an espresso.");
        assert_eq!(write(&[&espresso, &cup, &glasses]), "A photo of an espresso, a cup and sunglasses.");
    }
}
