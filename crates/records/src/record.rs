//! The story of one request.

use common::stage::Timings;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a request for tags.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct RequestRecord {
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub id: String,
    /// The trace that the request belongs to: its client's, or the digits of its own id.
    #[schema(example = "0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub trace_id: String,
    /// Seconds since 1970 when it ended.
    pub ended_at: u64,
    /// The API server that had it.
    pub server: String,
    #[schema(example = 200)]
    pub status: u16,
    /// `ok`, or the problem's code.
    #[schema(example = "ok")]
    pub code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// Where the image lay, without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Bytes of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who did it; absent where no worker had to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// How often its job was delivered to a worker; above 1, workers died with it or gave it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchRecord>,
    /// What became of the caption: the `status` of the answer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "llm")]
    pub caption: Option<&'static str>,
    /// By what the answer was found in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<&'static str>,
    /// Where several asked for the same new image at the same time: `leader`, who worked for all, or `follower`, who waited for
    /// another request's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "follower")]
    pub flight: Option<&'static str>,
    /// The wait for decoders and workers that admission foretold, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_wait_ms: Option<f64>,
    /// The wait for workers that came, milliseconds: `queue` and `batch_wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<f64>,
    pub stages: Vec<StageRecord>,
    pub total_ms: f64,
}

/// The batch in which the image passed its model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BatchRecord {
    /// How many images were in it.
    #[schema(example = 4)]
    pub images: u32,
    /// Why it closed: `full`, `idle`, `age`, `deadline` or `drain`.
    #[schema(example = "full")]
    pub closed: String,
}

/// One stage of a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StageRecord {
    #[schema(example = "fetch")]
    pub stage: &'static str,
    /// Milliseconds after the request's first byte.
    pub start_ms: f64,
    pub ms: f64,
}

/// Stages follow each other, so each begins where the one before it ends.
pub fn stages(timings: &Timings) -> Vec<StageRecord> {
    let mut start_ms = 0.0;
    let mut stages = Vec::new();
    for (stage, ms) in timings.iter() {
        stages.push(StageRecord {
            stage: stage.name(),
            start_ms,
            ms,
        });
        start_ms += ms;
    }
    stages
}
