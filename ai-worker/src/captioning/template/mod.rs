//! Sentences from a pattern: always true to the tags, never surprising.

pub mod english;
mod korean;
mod particle;
mod subject;

use common::wire::{Caption, CaptionStatus, Language, Tag};
use english::{bare, with_article};
pub use subject::subjects;

/// The name under which the template's captions are answered.
pub const NAME: &str = "template";

/// Returns the template's caption, and with it why the template speaks. `subjects` is not empty.
pub fn caption(subjects: &[&Tag], language: Language, status: CaptionStatus) -> Caption {
    let text = match language {
        Language::En => english_sentence(subjects),
        Language::Ko => korean::sentence(subjects),
    };
    Caption {
        text: Some(text),
        status,
        model: Some(NAME.to_owned()),
        unsure: false,
    }
}

/// Returns the caption of a picture of which there is nothing to say, or nothing was asked.
pub fn none() -> Caption {
    Caption {
        text: None,
        status: CaptionStatus::Disabled,
        model: None,
        unsure: false,
    }
}

/// Returns the English sentence. `subjects` is not empty.
pub fn english_sentence(subjects: &[&Tag]) -> String {
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
        let espresso = tag("espresso");
        let cup = tag("cup");
        let glasses = tag("sunglasses");
        assert_eq!(english_sentence(&[&espresso]), "A photo of an espresso.");
        assert_eq!(
            english_sentence(&[&espresso, &cup, &glasses]),
            "A photo of an espresso, a cup and sunglasses."
        );
        assert_eq!(
            english_sentence(&[&tag("kite (bird)")]),
            "A photo of a kite."
        );
    }
}
