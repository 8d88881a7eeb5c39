//! How a tenant's entries are cleared, however many there are: from a moment on they are looked for under other keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::bus::{Bus, BusError};
use tokio::time::Instant;

/// How soon every server knows that a cache was cleared.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Beyond, all that is known is forgotten and looked up again.
const MOST_OWNERS: usize = 10_000;

/// When each owner's entries were cleared last. Clones share what is known.
#[derive(Clone, Debug)]
pub struct Clearings {
    bus: Bus,
    known: Arc<Mutex<HashMap<String, Known>>>,
    /// No entry outlives it.
    ttl: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    cleared_at_us: u64,
    looked: Instant,
}

impl Clearings {
    pub fn new(bus: Bus, ttl: Duration) -> Self {
        Self {
            bus,
            known: Arc::default(),
            ttl,
        }
    }

    /// Returns when an owner's entries were cleared, by the fleet's clock; 0 if never.
    pub async fn last(&self, owner: &str) -> u64 {
        let before = match self.recent(owner) {
            Ok(recent) => return recent,
            Err(before) => before,
        };
        let cleared_at_us = match self.bus.recall(&name(owner)).await {
            Ok(Some(bytes)) => read(&bytes),
            Ok(None) => 0,
            Err(_) => before,
        };
        self.note(owner, cleared_at_us);
        cleared_at_us
    }

    pub async fn clear(&self, owner: &str) -> Result<u64, BusError> {
        let now_us = self.bus.now_us();
        let payload = now_us.to_string().into_bytes().into();
        self.bus.remember(&name(owner), payload, self.ttl).await?;
        self.note(owner, now_us);
        Ok(now_us)
    }

    /// Returns what was looked up a moment ago, or else what was known before. Whoever gets that looks, and others go by
    /// what was known meanwhile.
    fn recent(&self, owner: &str) -> Result<u64, u64> {
        let mut known = self.known();
        let Some(entry) = known.get_mut(owner) else {
            return Err(0);
        };
        if entry.looked.elapsed() < LOOK_EVERY {
            return Ok(entry.cleared_at_us);
        }
        entry.looked = Instant::now();
        Err(entry.cleared_at_us)
    }

    fn note(&self, owner: &str, cleared_at_us: u64) {
        let mut known = self.known();
        if known.len() >= MOST_OWNERS {
            known.clear();
        }
        let entry = Known {
            cleared_at_us,
            looked: Instant::now(),
        };
        known.insert(owner.to_owned(), entry);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(owner: &str) -> String {
    format!("cache:cleared:{owner}")
}

fn read(bytes: &[u8]) -> u64 {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}
