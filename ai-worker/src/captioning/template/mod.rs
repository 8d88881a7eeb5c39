//! Sentences from a pattern: always true to the tags, never surprising.

use common::wire::Tag;

use super::english::{bare, with_article};

pub const NAME: &str = "template";

/// `subjects` is not empty.
pub fn write(subjects: &[&Tag]) -> String {
    let named: Vec<String> = subjects
        .iter()
        .map(|tag| with_article(bare(&tag.name)))
        .collect();
    let list = match named.as_slice() {
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    format!("A photo of {list}.")
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
        assert_eq!(
            write(&[&espresso, &cup, &glasses]),
            "A photo of an espresso, a cup and sunglasses."
        );
        assert_eq!(write(&[&tag("kite (bird)")]), "A photo of a kite.");
    }
}
