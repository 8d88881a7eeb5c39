//! What the models beside a tagger are asked, and what they see.

use serde::{Deserialize, Serialize};

use super::{Features, ModelId, ModelInfo};

/// A model that looks at a job's picture as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Also {
    pub model: String,
    /// JPEG of that model's input size.
    #[serde(with = "serde_bytes")]
    pub tile: Vec<u8>,
}

impl Also {
    /// Puts models and their tiles together, which are in the same order.
    pub fn all(models: Vec<ModelInfo>, tiles: Vec<Vec<u8>>) -> Vec<Self> {
        let pairs = models.into_iter().zip(tiles);
        pairs
            .map(|(model, tile)| Self {
                model: model.id.name,
                tile,
            })
            .collect()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    /// What was asked for and no model has told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The people in a picture. That there are some and where, not who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct People {
    pub model: ModelId,
    /// The surest first.
    pub regions: Vec<Region>,
}

/// A part of the picture, each side in parts of the picture's: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
    pub confidence: f32,
}

impl Seen {
    /// Notes what was asked for and is not there: its model is not at that worker, has failed, or was late.
    pub fn note_missing(&mut self, asked: Features) {
        if asked.people && self.people.is_none() {
            self.missing.push("people".to_owned());
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
