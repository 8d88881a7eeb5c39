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
        match self.bus.recall(&name(owner)).await {
            Ok(Some(bytes)) => self.note(owner, read(&bytes)),
            // The result store has lost it, and this process's memory may hold what was cleared.
            Ok(None) if before > 0 => {
                let _ = self.tell(owner, before).await;
                self.note(owner, before)
            }
            Ok(None) | Err(_) => self.note(owner, before),
        }
    }

    pub async fn clear(&self, owner: &str) -> Result<u64, BusError> {
        let now_us = self.bus.now_us();
        self.tell(owner, now_us).await?;
        Ok(self.note(owner, now_us))
    }

    async fn tell(&self, owner: &str, cleared_at_us: u64) -> Result<(), BusError> {
        let payload = cleared_at_us.to_string().into_bytes().into();
        self.bus.remember(&name(owner), payload, self.ttl).await
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

    /// Returns the last clearing that is known of: an answer that was on its way meanwhile takes nothing back.
    fn note(&self, owner: &str, cleared_at_us: u64) -> u64 {
        let mut known = self.known();
        let before = known.get(owner).map_or(0, |entry| entry.cleared_at_us);
        let cleared_at_us = cleared_at_us.max(before);
        if known.len() >= MOST_OWNERS {
            known.clear();
        }
        let entry = Known {
            cleared_at_us,
            looked: Instant::now(),
        };
        known.insert(owner.to_owned(), entry);
        cleared_at_us
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
