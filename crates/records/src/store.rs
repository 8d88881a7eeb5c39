//! Where records are kept: in the result store, for an hour, say.

use std::time::Duration;

use bytes::Bytes;
use common::bus::Bus;
use tokio::sync::mpsc;

use crate::{RECORDS_DROPPED, RequestRecord};

/// Records on their way. Beyond, they are dropped and counted: no answer waits for its own story.
const UNDER_WAY: usize = 4_096;

/// Where records go. Clones share one way.
#[derive(Clone, Debug)]
pub struct Records {
    bus: Bus,
    send: mpsc::Sender<Kept>,
}

#[derive(Debug)]
struct Kept {
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

    pub fn keep(&self, tenant: &str, record: &RequestRecord) {
        let payload = serde_json::to_vec(record).expect("strings and numbers always serialise");
        let kept = Kept {
            key: key(tenant, &record.id),
            payload: payload.into(),
        };
        if self.send.try_send(kept).is_err() {
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
async fn store(bus: Bus, mut records: mpsc::Receiver<Kept>, keep: Duration) {
    while let Some(Kept { key, payload }) = records.recv().await {
        if bus.remember(&key, payload, keep).await.is_err() {
            metrics::counter!(RECORDS_DROPPED).increment(1);
        }
    }
}

/// With the tenant's length before it, no two pairs of tenant and id are written alike.
fn key(tenant: &str, id: &str) -> String {
    format!("request:{}:{tenant}:{id}", tenant.len())
}
