//! Which batches are open, by a listing that is read more rarely while nothing changes.

use std::collections::{HashMap, HashSet};

use common::backoff::Pauses;
use ledger::BatchKey;
use tokio::time::{Duration, Instant};

use crate::metrics::OPEN_BATCHES;

const PAUSES: Pauses = Pauses::doubling(Duration::from_secs(1), Duration::from_secs(5));

#[derive(Debug)]
pub struct OpenBatches {
    pub next: Instant,
    keys: HashSet<BatchKey>,
    by_tenant: HashMap<String, usize>,
    /// Listings in a row that brought nothing new, or failed.
    idle: u32,
}

impl OpenBatches {
    pub fn new(now: Instant) -> Self {
        Self {
            next: now,
            keys: HashSet::new(),
            by_tenant: HashMap::new(),
            idle: 0,
        }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// Takes a listing in, and returns what is new in it.
    pub fn set(&mut self, listed: Vec<BatchKey>, now: Instant) -> Vec<BatchKey> {
        metrics::gauge!(OPEN_BATCHES).set(listed.len() as f64);
        let listed: HashSet<_> = listed.into_iter().collect();
        let new: Vec<_> = listed.difference(&self.keys).cloned().collect();
        self.idle = match new.is_empty() {
            true => self.idle + 1,
            false => 0,
        };
        self.by_tenant.clear();
        for key in &listed {
            *self.by_tenant.entry(key.tenant.clone()).or_default() += 1;
        }
        self.keys = listed;
        self.plan(now);
        new
    }

    pub fn failed(&mut self, now: Instant) {
        self.idle += 1;
        self.plan(now);
    }

    pub fn has(&self, key: &BatchKey) -> bool {
        self.keys.contains(key)
    }

    /// How many a tenant has; one that is asked about has one at the least.
    pub fn of(&self, tenant: &str) -> usize {
        self.by_tenant.get(tenant).copied().unwrap_or(1)
    }

    fn plan(&mut self, now: Instant) {
        self.next = now + PAUSES.spread(self.idle, rand::random());
    }
}
