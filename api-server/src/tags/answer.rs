//! The answer of `POST /v1/tags`, as documented and as sent.

use common::wire::CaptionStatus;
use dispatch::answer::{
    Answer, CaptionView, ColorView, ExifView, GradesView, Image, Model, PeopleView, QualityView,
    TagView, TextView,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::context::{Finished, TimingsView};
use records::RequestRecord;

/// In the worker's place where the cache answered.
const CACHE: &str = "cache";

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
    /// Where people are; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleView>,
    /// How likely the picture is not fit for everybody; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety: Option<GradesView>,
    /// Whether there is text in the picture, whether it is a page of it, and what it says; only where `features` asks for `text` or
    /// `reading`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextView>,
    /// The colours that there is most of, at most five; only where `features` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colors: Option<Vec<ColorView>>,
    /// How light, rich in contrast and sharp the picture is; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityView>,
    /// When, where and with which camera it was taken, as far as the file says so; only where `features` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exif: Option<ExifView>,
    /// What was asked for and is missing, since its model is away, has failed or was late: `people`, `faces`, `safety`, `text`, `reading`,
    /// `colors`, `quality`.
    /// Absent where nothing is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["people"]))]
    pub partial: Vec<String>,
    /// Milliseconds by stage, in the order of the image's way, and `total`.
    #[schema(value_type = std::collections::BTreeMap<String, f64>, example = json!({"admit": 0.1, "fetch": 41.0, "prepare": 6.2, "infer": 9.8, "total": 61.3}))]
    pub timings_ms: TimingsView,
    /// Which worker did it; `cache` where none had to.
    #[schema(example = "worker-1")]
    pub worker: String,
    /// By what the answer was found: the image's `url`, its `bytes`, or its `tile`, which copies of other sizes and encodings
    /// share; or the `key` of a request that was answered before. Absent where it was worked out now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "url")]
    pub cached: Option<&'static str>,
    /// What was shed because the line is long: `captions`, which are patterns' then. Absent where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["captions"]))]
    pub degraded: Vec<&'static str>,
    /// What became of the request, stage by stage; where `explain` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<RequestRecord>,
}

impl TagAnswer {
    pub fn new(finished: Finished, answer: Answer) -> Self {
        let Finished {
            timings,
            record,
            explain,
        } = finished;
        let explained = explain.then(|| record.clone());
        let is_shed = record.caption == Some(CaptionStatus::SkippedOverload.name());
        let degraded = if is_shed {
            vec!["captions"]
        } else {
            Vec::new()
        };
        Self {
            id: record.id,
            client_ref: record.client_ref,
            model: answer.model,
            image: answer.image,
            tags: answer.tags,
            caption: answer.caption,
            people: answer.people,
            safety: answer.safety,
            text: answer.text,
            colors: answer.colors,
            quality: answer.quality,
            exif: answer.exif,
            partial: answer.partial,
            timings_ms: timings,
            worker: record.worker.unwrap_or_else(|| CACHE.to_owned()),
            cached: record.cached,
            degraded,
            explain: explained,
        }
    }
}
