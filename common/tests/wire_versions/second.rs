//! The wire as it was when it had languages, selections, captioners, shards
//! and bundles, frozen like the first. What had not changed since is the first's.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};

use crate::first::{Caption, Fault, Features, ModelId, ModelInfo, Refused};

const NEWEST_READ: u16 = 2;

/// Returns the version of a message.
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

/// The jobs of a bundle, as it was taken apart: four bytes of length, big end first, and as many bytes.
pub fn split(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let (part, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        parts.push(part);
        bundle = rest;
    }
    bundle.is_empty().then_some(parts)
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Ko,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
pub struct Selection {
    categories: Vec<String>,
    include: Vec<String>,
    exclude: Vec<String>,
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
    #[serde(default)]
    language: Language,
    #[serde(default)]
    selection: Selection,
    published_at_us: u64,
    budget_ms: u32,
    #[serde(with = "serde_bytes")]
    tile: Vec<u8>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Tag {
    #[serde(default)]
    id: String,
    name: String,
    confidence: f32,
    category: String,
    #[serde(default)]
    category_name: String,
    parents: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Tagged {
    model: ModelId,
    tags: Vec<Tag>,
    caption: Caption,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct JobResult {
    v: u16,
    id: String,
    tenant: String,
    worker: String,
    outcome: Result<Tagged, Fault>,
    timings: BTreeMap<String, f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct CaptionJob {
    v: u16,
    reply_to: String,
    language: Language,
    subjects: Vec<Tag>,
    published_at_us: u64,
    budget_ms: u32,
    tagged_at_us: u64,
    result: JobResult,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct WorkerInfo {
    v: u16,
    worker: String,
    device: String,
    models: Vec<ModelInfo>,
    captioner: String,
    #[serde(default)]
    bundles: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Shard {
    v: u16,
    tenant: String,
    batch: String,
    number: u32,
}

#[derive(Debug, PartialEq, Deserialize)]
pub struct Pressure {
    v: u16,
    jobs: u64,
    wait_us: u64,
}

macro_rules! versioned {
    ($($message:ty),*) => {$(
        impl Versioned for $message {
            fn version(&self) -> u16 {
                self.v
            }
        }
    )*};
}

versioned!(Job, JobResult, CaptionJob, WorkerInfo, Shard, Pressure);
