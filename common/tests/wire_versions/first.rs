//! The wire's types as they first were, frozen: what a process that was not
//! upgraded yet reads. Nothing of today's crate is used, so that nothing
//! changes here when that does.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

const NEWEST_READ: u16 = 1;

#[derive(Debug, PartialEq)]
pub enum Refused {
    TooNew(u16),
    Malformed(String),
}

pub trait Versioned: DeserializeOwned {
    fn version(&self) -> u16;
}

pub fn decode<T: Versioned>(bytes: &[u8]) -> Result<T, Refused> {
    let message: T =
        rmp_serde::from_slice(bytes).map_err(|error| Refused::Malformed(error.to_string()))?;
    match message.version() {
        version if version > NEWEST_READ => Err(Refused::TooNew(version)),
        _ => Ok(message),
    }
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Features {
    tags: bool,
    caption: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Job {
    v: u16,
    id: String,
    tenant: String,
    reply_to: String,
    model: String,
    features: Features,
    limit: Option<u16>,
    threshold: Option<f32>,
    published_at_us: u64,
    budget_ms: u32,
    #[serde(with = "serde_bytes")]
    tile: Vec<u8>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Tag {
    name: String,
    confidence: f32,
    category: String,
    parents: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionStatus {
    Llm,
    Cached,
    Template,
    SkippedDeadline,
    Unavailable,
    Disabled,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Caption {
    text: Option<String>,
    status: CaptionStatus,
    model: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct ModelId {
    name: String,
    version: String,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Tagged {
    model: ModelId,
    tags: Vec<Tag>,
    caption: Caption,
}

/// It had a code for whatever it did not know, so any name will do here.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Fault {
    code: String,
    stage: Stage,
    detail: String,
    retryable: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Admit,
    Lookup,
    Fetch,
    Prepare,
    Publish,
    Queue,
    Decode,
    BatchWait,
    Infer,
    Postprocess,
    CaptionWait,
    Caption,
    Result,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct JobResult {
    v: u16,
    id: String,
    tenant: String,
    worker: String,
    outcome: Result<Tagged, Fault>,
    /// It skipped stages that it did not know.
    timings: BTreeMap<String, f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Softmax,
    Sigmoid,
    Llm,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    Crop,
    Stretch,
    Pad,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct TileSpec {
    width: u16,
    height: u16,
    fit: Fit,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct ModelInfo {
    id: ModelId,
    kind: Kind,
    licence: String,
    source: String,
    tile: TileSpec,
    default_limit: u16,
    default_threshold: f32,
    classes: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct WorkerInfo {
    v: u16,
    worker: String,
    device: String,
    models: Vec<ModelInfo>,
    captioner: String,
}

impl Versioned for Job {
    fn version(&self) -> u16 {
        self.v
    }
}

impl Versioned for JobResult {
    fn version(&self) -> u16 {
        self.v
    }
}

impl Versioned for WorkerInfo {
    fn version(&self) -> u16 {
        self.v
    }
}
