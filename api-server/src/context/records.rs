//! What became of each request, kept for whoever asks why it was slow or refused.

use std::time::Duration;

use bytes::Bytes;
use common::{bus::Bus, stage::Timings};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::metrics::RECORDS_DROPPED;

/// Records on their way. Beyond, they are dropped and counted: no answer waits for its own story.
const UNDER_WAY: usize = 4_096;

/// What became of a request for tags.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestRecord<'a> {
    #[schema(example = "req_0f3c9a61d2b84e57a1c05d9be84f6a20")]
    pub id: &'a str,
    /// Seconds since 1970 when it ended.
    pub ended_at: u64,
    /// The API server that had it.
    pub server: &'a str,
    #[schema(example = 200)]
    pub status: u16,
    /// `ok`, or the problem's code.
    #[schema(example = "ok")]
    pub code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<&'a str>,
    /// Where the image lay, without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    /// Bytes of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<&'a str>,
    /// By what the answer was found in the cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<&'a str>,
    /// The wait for decoders and workers that admission foretold, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_wait_ms: Option<f64>,
    pub stages: Vec<StageRecord>,
    pub total_ms: f64,
}

/// One stage of a request.
#[derive(Debug, Serialize, ToSchema)]
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

/// Where records go. Clones share one way.
#[derive(Clone, Debug)]
pub struct Records {
    bus: Bus,
    send: mpsc::Sender<Record>,
}

#[derive(Debug)]
struct Record {
    key: String,
    payload: Bytes,
}

impl Records {
    /// Keeps each record for `keep`; nothing where that is no time at all.
    pub fn open(bus: Bus, keep: Duration) -> Option<Self> {
        if keep.is_zero() {
            return None;
        }
        let (send, receive) = mpsc::channel(UNDER_WAY);
        tokio::spawn(store(bus.clone(), receive, keep));
        Some(Self { bus, send })
    }

    pub fn keep(&self, tenant: &str, id: &str, payload: Vec<u8>) {
        let record = Record {
            key: key(tenant, id),
            payload: payload.into(),
        };
        if self.send.try_send(record).is_err() {
            metrics::counter!(RECORDS_DROPPED).increment(1);
        }
    }

    /// Returns the record of a tenant's request.
    pub async fn find(&self, tenant: &str, id: &str) -> Option<Bytes> {
        let found = self.bus.recall(&key(tenant, id)).await;
        found.ok().flatten()
    }
}

/// Ends with the last of those who send.
async fn store(bus: Bus, mut records: mpsc::Receiver<Record>, keep: Duration) {
    while let Some(Record { key, payload }) = records.recv().await {
        if bus.remember(&key, payload, keep).await.is_err() {
            metrics::counter!(RECORDS_DROPPED).increment(1);
        }
    }
}

/// With the tenant's length before it, no two pairs of tenant and id are written alike.
fn key(tenant: &str, id: &str) -> String {
    format!("request:{}:{tenant}:{id}", tenant.len())
}
