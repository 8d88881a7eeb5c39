//! Where records are kept: in the result store, for an hour, say.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use common::bus::Bus;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{NotableRequests, RECORDS_DROPPED, RequestBrief, RequestRecord};

/// Records on their way. Beyond, they are dropped and counted: no answer waits for its own story.
const UNDER_WAY: usize = 4_096;
/// How often a server tells which requests of its tenants are worth a look, where that has changed.
const NOTABLE_EVERY: Duration = Duration::from_secs(1);

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
    tenant: String,
    brief: RequestBrief,
}

impl Records {
    /// Keeps each record for `keep`; nothing where that is no time at all. `server`: who tells which are worth a look.
    pub fn open(bus: Bus, server: &str, keep: Duration) -> Option<Self> {
        if keep.is_zero() {
            return None;
        }
        let (send, receive) = mpsc::channel(UNDER_WAY);
        let notes = Notes {
            bus: bus.clone(),
            server: server.to_owned(),
            keep,
            tenants: HashMap::new(),
            changed: HashSet::new(),
        };
        tokio::spawn(notes.store(receive));
        Some(Self { bus, send })
    }

    pub fn keep(&self, tenant: &str, record: &RequestRecord) {
        let payload = serde_json::to_vec(record).expect("strings and numbers always serialise");
        let kept = Kept {
            key: key("request", tenant, &record.id),
            payload: payload.into(),
            tenant: tenant.to_owned(),
            brief: record.into(),
        };
        if self.send.try_send(kept).is_err() {
            metrics::counter!(RECORDS_DROPPED).increment(1);
        }
    }

    /// Returns the record of a tenant's request.
    pub async fn find(&self, tenant: &str, id: &str) -> Option<Bytes> {
        let found = self.bus.recall(&key("request", tenant, id)).await;
        found.ok().flatten()
    }

    /// Returns a tenant's requests that are worth a look, by what those servers tell.
    pub async fn notable(&self, tenant: &str, servers: &[String]) -> NotableRequests {
        let mut all = NotableRequests::default();
        for server in servers {
            let told = self
                .bus
                .recall(&key("request:notable", tenant, server))
                .await;
            let payload = told.ok().flatten().unwrap_or_default();
            if let Ok(notable) = serde_json::from_slice(&payload) {
                all.merge(notable);
            }
        }
        all
    }
}

/// What is worth a look, by tenant.
struct Notes {
    bus: Bus,
    server: String,
    keep: Duration,
    tenants: HashMap<String, NotableRequests>,
    changed: HashSet<String>,
}

impl Notes {
    /// Ends with the last of those who send.
    async fn store(mut self, mut records: mpsc::Receiver<Kept>) {
        let mut ticks = interval(NOTABLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                kept = records.recv() => match kept {
                    Some(kept) => self.keep(kept).await,
                    None => return,
                },
                _ = ticks.tick() => self.tell().await,
            }
        }
    }

    async fn keep(&mut self, kept: Kept) {
        let remembered = self.bus.remember(&kept.key, kept.payload, self.keep);
        if remembered.await.is_err() {
            metrics::counter!(RECORDS_DROPPED).increment(1);
        }
        let notable = self.tenants.entry(kept.tenant.clone()).or_default();
        if notable.note(kept.brief) {
            self.changed.insert(kept.tenant);
        }
    }

    /// A loss is made good by the next change.
    async fn tell(&mut self) {
        let begins = now_s().saturating_sub(self.keep.as_secs());
        self.tenants
            .retain(|_, notable| notable.forget_before(begins));
        for tenant in std::mem::take(&mut self.changed) {
            let notable = self.tenants.get(&tenant).cloned().unwrap_or_default();
            let payload =
                serde_json::to_vec(&notable).expect("strings and numbers always serialise");
            let key = key("request:notable", &tenant, &self.server);
            let _ = self.bus.remember(&key, payload.into(), self.keep).await;
        }
    }
}

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// With the tenant's length before it, no two pairs of tenant and name are written alike. All keys begin with what the API servers' user
/// may touch at Redis.
fn key(kind: &str, tenant: &str, name: &str) -> String {
    format!("{kind}:{}:{tenant}:{name}", tenant.len())
}
