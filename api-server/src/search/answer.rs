//! The answer of `POST /v1/search/tags`, as documented and as sent.

use common::wire::{Tag, Tagged};
use dispatch::answer::{Model, rounded};
use serde::Serialize;
use utoipa::ToSchema;
use web::context::{Finished, TimingsView};

#[derive(Debug, Serialize, ToSchema)]
pub struct SearchAnswer {
    /// Also in `x-request-id`.
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    id: String,
    #[schema(example = "바다")]
    phrase: String,
    model: Model,
    /// The nearest first; empty where none is near, or no word of the phrase is known.
    tags: Vec<NearTag>,
    /// Milliseconds by stage, and `total`.
    #[schema(value_type = std::collections::BTreeMap<String, f64>, example = json!({"admit": 0.1, "infer": 9.8, "total": 11.3}))]
    timings_ms: TimingsView,
}

/// A tag that photos may have.
#[derive(Debug, Serialize, ToSchema)]
pub struct NearTag {
    /// The English name, as `tags[].id` of a photo's answer.
    #[schema(example = "beach")]
    id: String,
    /// In the language of the answer.
    #[schema(example = "해변")]
    name: String,
    #[schema(example = "place")]
    category: String,
    /// How near it is: 1 where the words are the tag's own.
    #[schema(example = 0.71)]
    score: f64,
}

impl SearchAnswer {
    pub fn new(finished: Finished, phrase: String, tagged: Tagged) -> Self {
        Self {
            id: finished.record.id,
            phrase,
            model: tagged.model.into(),
            tags: tagged.tags.into_iter().map(NearTag::from).collect(),
            timings_ms: finished.timings,
        }
    }
}

impl From<Tag> for NearTag {
    fn from(tag: Tag) -> Self {
        Self {
            id: tag.id().to_owned(),
            score: rounded(tag.confidence),
            name: tag.name,
            category: tag.category,
        }
    }
}
