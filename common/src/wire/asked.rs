//! What a caller may ask of a picture.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{Features, WIRE_VERSION};

/// A job with a language or a selection: whoever knows neither would answer
/// in English, or with the very tags that were not wanted.
pub(super) const PARTICULAR_JOB: u16 = 2;

/// A job whose scores are to be kept, or that has words of its own: whoever does not know them would leave them out.
pub(super) const SCORED_JOB: u16 = 3;

/// A job with pixels behind it: whoever does not know them would find no tile.
pub(super) const PIXEL_JOB: u16 = 4;

/// In which tags are named and captions written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Ko,
}

impl Language {
    pub fn name(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

/// Which of the model's tags may be answered. Names are as the caller wrote
/// them; the worker knows what they stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Tags of these categories alone; of all where empty.
    pub categories: Vec<String>,
    /// These and what is below them alone; all where empty.
    pub include: Vec<String>,
    /// Neither these nor what is below them.
    pub exclude: Vec<String>,
}

impl Selection {
    pub fn is_empty(&self) -> bool {
        self.categories.is_empty() && self.include.is_empty() && self.exclude.is_empty()
    }
}

/// What a caller asks of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TagQuery {
    pub features: Features,
    pub limit: Option<u16>,
    pub threshold: Option<f32>,
    pub language: Language,
    pub selection: Selection,
    /// Words of the caller's own, `word = expression` a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// Whether those are the tenant's, for whatever it asks: a name that is no tag of the models at hand does not hold then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tenant_words: bool,
}

impl TagQuery {
    /// The version of a job that asks this: the oldest that says it all, so
    /// that workers of before read most jobs.
    pub fn version(&self) -> u16 {
        let particular = self.language != Language::default() || !self.selection.is_empty();
        if self.features.scores || self.vocabulary.is_some() {
            SCORED_JOB
        } else if particular {
            PARTICULAR_JOB
        } else {
            WIRE_VERSION
        }
    }
}
