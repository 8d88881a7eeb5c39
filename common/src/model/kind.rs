//! What models are, and what they are asked for.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// One true class: scores sum to 1.
    Softmax,
    /// Every class is a question of its own.
    Sigmoid,
    /// Boxes, and how sure each is of each class.
    Detector,
    /// A map of where lines of text are.
    Lines,
    /// The text of a line.
    Text,
    /// Words, and how near they are to each tag.
    Phrase,
    /// A language model for captions.
    Llm,
    /// What only a newer process knows: its worker is heard of all the same.
    #[serde(other)]
    Other,
}

impl ModelKind {
    pub fn name(self) -> &'static str {
        match self {
            ModelKind::Softmax => "softmax",
            ModelKind::Sigmoid => "sigmoid",
            ModelKind::Detector => "detector",
            ModelKind::Lines => "lines",
            ModelKind::Text => "text",
            ModelKind::Phrase => "phrase",
            ModelKind::Llm => "llm",
            ModelKind::Other => "other",
        }
    }

    /// Returns whether it makes tags of pictures, so that a request may be for it.
    pub fn takes_pictures(self) -> bool {
        matches!(
            self,
            ModelKind::Softmax | ModelKind::Sigmoid | ModelKind::Detector
        )
    }

    /// Returns whether it finds or reads lines of text, which are no tags.
    pub fn is_of_lines(self) -> bool {
        matches!(self, ModelKind::Lines | ModelKind::Text)
    }
}

/// What a model looks for beside a tagger. A request asks for it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    People,
    Faces,
    /// How likely a picture is not fit for everybody.
    Safety,
    Text,
    /// What the lines of text say.
    Reading,
    /// What only a newer process knows.
    #[serde(other)]
    Other,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Faces => "faces",
            Self::Safety => "safety",
            Self::Text => "text",
            Self::Reading => "reading",
            Self::Other => "other",
        }
    }
}
