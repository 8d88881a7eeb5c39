//! The answer of `POST /v1/tags`, as documented and as sent.

use common::wire::CaptionStatus;
use dispatch::answer::Answer;
use serde::Serialize;
use utoipa::ToSchema;

use records::RequestRecord;
use web::context::{Finished, TimingsView};

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
    #[serde(flatten)]
    pub answer: Answer,
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
    /// What was shed because the queue is long: `captions`, which are patterns' then. Absent where nothing was.
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
            answer,
            timings_ms: timings,
            worker: record.worker.unwrap_or_else(|| CACHE.to_owned()),
            cached: record.cached,
            degraded,
            explain: explained,
        }
    }
}
