//! The answer of `POST /v1/tags`, as documented and as sent.

use std::fmt::Write;

use common::{
    stage::Timings,
    wire::{Caption, ModelId, Tag, Tagged},
};
use prepare::Facts;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct TagAnswer {
    /// Also in `x-request-id`.
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub id: String,
    /// As in the request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "album-7/photo-12")]
    pub client_ref: Option<String>,
    pub model: Model,
    pub image: Image,
    /// The most telling first; may be empty.
    pub tags: Vec<TagView>,
    pub caption: CaptionView,
    /// Milliseconds by stage, in the order of the image's way, and `total`.
    #[schema(value_type = std::collections::BTreeMap<String, f64>, example = json!({"admit": 0.1, "fetch": 41.0, "prepare": 6.2, "infer": 9.8, "total": 61.3}))]
    pub timings_ms: TimingsView,
    /// Which worker did it.
    #[schema(example = "worker-1")]
    pub worker: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    #[schema(example = "efficientnet-lite0")]
    pub name: String,
    #[schema(example = "1")]
    pub version: String,
}

/// The image as it came.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Image {
    /// Pixels, upright: after the orientation in the file is applied.
    #[schema(example = 4032)]
    pub width: u32,
    #[schema(example = 3024)]
    pub height: u32,
    /// Pictures in the file. Of an animation, the first one is tagged.
    #[schema(example = 1)]
    pub frames: u32,
    /// By its first bytes, never by a name or a content type.
    #[schema(example = "jpeg")]
    pub format: &'static str,
    /// Of the file.
    #[schema(example = 2181034)]
    pub bytes: usize,
    /// Of the file, hexadecimal.
    pub sha256: String,
}

impl From<Facts> for Image {
    fn from(facts: Facts) -> Self {
        let Facts {
            width,
            height,
            frames,
            format,
            bytes,
            sha256,
        } = facts;
        Self {
            width,
            height,
            frames,
            format: format.name(),
            bytes,
            sha256,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TagView {
    /// The English name, whatever the language of the answer.
    #[schema(example = "tabby cat")]
    pub id: String,
    /// In the language of the answer.
    #[schema(example = "태비 고양이")]
    pub name: String,
    /// 0 to 1. A parent's is the sum over all that it stands for, or the surest of them where several can be true.
    #[schema(example = 0.82)]
    pub confidence: f64,
    #[schema(example = "animal")]
    pub category: String,
    /// In the language of the answer.
    #[schema(example = "동물")]
    pub category_name: String,
    /// Names in the language of the answer, from the nearest to the most general.
    #[schema(example = json!(["고양이", "포유류", "동물"]))]
    pub parents: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CaptionView {
    #[schema(example = "A tabby cat on a sofa.")]
    pub text: Option<String>,
    /// `llm`, `cached`, `template`, `skipped_deadline`, `unavailable` or `disabled`.
    #[schema(example = "llm")]
    pub status: &'static str,
    /// Who wrote the text: a language model's name, or `template`.
    pub model: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct TimingsView {
    #[serde(flatten)]
    pub stages: Timings,
    pub total: f64,
}

impl TimingsView {
    pub fn new(stages: Timings, total_ms: f64) -> Self {
        Self {
            stages,
            total: (total_ms * 1e3).round() / 1e3,
        }
    }

    /// The value of the `Server-Timing` header.
    pub fn header(&self) -> String {
        let mut text = String::new();
        for (stage, ms) in self.stages.iter() {
            let _ = write!(text, "{};dur={ms:.3}, ", stage.name());
        }
        let _ = write!(text, "total;dur={:.3}", self.total);
        text
    }
}

impl TagAnswer {
    pub fn new(
        id: String,
        client_ref: Option<String>,
        image: Image,
        tagged: Tagged,
        worker: String,
        timings: TimingsView,
    ) -> Self {
        let ModelId { name, version } = tagged.model;
        Self {
            id,
            client_ref,
            model: Model { name, version },
            image,
            tags: tagged.tags.into_iter().map(TagView::from).collect(),
            caption: tagged.caption.into(),
            timings_ms: timings,
            worker,
        }
    }
}

impl From<Tag> for TagView {
    fn from(tag: Tag) -> Self {
        Self {
            id: tag.id().to_owned(),
            category_name: tag.category_name().to_owned(),
            name: tag.name,
            // Four digits: an f32 written as f64 would show digits that it does not have.
            confidence: (f64::from(tag.confidence) * 1e4).round() / 1e4,
            category: tag.category,
            parents: tag.parents,
        }
    }
}

impl From<Caption> for CaptionView {
    fn from(
        Caption {
            text,
            status,
            model,
        }: Caption,
    ) -> Self {
        Self {
            text,
            status: status.name(),
            model,
        }
    }
}
