//! Words of a caller's own vocabulary, of scores alone.

use common::wire::{Language, Tag};
use vocabulary::{Held, Picture, Subject, Sureness, UnknownTag, Vocabulary};

use super::rules::Confidences;

/// The category of such words.
const CUSTOM: &str = "custom";

/// A picture of which nothing is known but a tagger's scores.
#[derive(Debug)]
pub struct Scored<'a> {
    pub confidences: Confidences<'a>,
}

impl Scored<'_> {
    /// Returns the words that hold, as tags, in the order of the vocabulary.
    pub fn words(&self, vocabulary: &Vocabulary, language: Language) -> Vec<Tag> {
        let held = vocabulary.held(self).unwrap_or_default().into_iter();
        held.map(|held| custom(&held, language)).collect()
    }
}

impl Picture for Scored<'_> {
    /// What the tagger has no tag for, another model may have seen, whose scores are not here.
    fn sureness(&self, tag: &str) -> Result<Option<Sureness>, UnknownTag> {
        Ok(self.confidences.of(tag))
    }

    fn number(&self, _: &Subject) -> Option<f64> {
        None
    }
}

/// Returns a word that holds of a picture as a tag.
pub fn custom(held: &Held<'_>, language: Language) -> Tag {
    let category_name = match language {
        Language::En => CUSTOM,
        Language::Ko => "사용자 지정",
    };
    Tag {
        id: held.word.to_owned(),
        name: held.word.to_owned(),
        confidence: held.confidence,
        category: CUSTOM.to_owned(),
        category_name: category_name.to_owned(),
        parents: Vec::new(),
    }
}
