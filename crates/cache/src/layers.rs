//! This process's memory, and behind it the bus, which all of the fleet shares.

use std::{fmt, time::Duration};

use bytes::Bytes;
use common::bus::Bus;
use moka::sync::Cache as Memory;
use serde::{Serialize, de::DeserializeOwned};

use crate::{CacheConfig, Digest};

/// What an entry takes of memory beside its bytes: key, expiry and the table's own.
const ENTRY_OVERHEAD: u32 = 128;

#[derive(Clone)]
pub struct Layers {
    memory: Memory<Digest, Bytes>,
    bus: Bus,
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.memory.entry_count();
        f.debug_struct("Layers").field("entries", &entries).finish()
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct InMemory {
    pub entries: u64,
    pub bytes: u64,
}

impl Layers {
    pub fn new(config: &CacheConfig, bus: Bus) -> Self {
        let weight = |_: &Digest, bytes: &Bytes| bytes.len() as u32 + ENTRY_OVERHEAD;
        let memory = Memory::builder()
            .max_capacity(config.cache_memory_mib << 20)
            .weigher(weight)
            .time_to_live(Duration::from_secs(config.cache_ttl_s))
            .build();
        Self { memory, bus }
    }

    pub fn in_memory(&self) -> InMemory {
        InMemory {
            entries: self.memory.entry_count(),
            bytes: self.memory.weighted_size(),
        }
    }

    /// Returns an entry. One that cannot be read, of another version or while the bus is away, is as good as none.
    pub async fn get<T: DeserializeOwned>(&self, key: Digest) -> Option<T> {
        if let Some(bytes) = self.memory.get(&key) {
            return rmp_serde::from_slice(&bytes).ok();
        }
        let bytes = match self.bus.recall(&name(key)).await {
            Ok(found) => found?,
            Err(error) => {
                tracing::debug!(%error, "the cache of results cannot be read");
                return None;
            }
        };
        let entry = rmp_serde::from_slice(&bytes).ok()?;
        self.memory.insert(key, bytes);
        Some(entry)
    }

    /// Keeps an entry for the fleet, and not in this process's memory, if it is no longer than `most_bytes`. Returns what it
    /// takes.
    pub async fn put_within<T: Serialize>(
        &self,
        most_bytes: u64,
        key: Digest,
        entry: &T,
        ttl: Duration,
    ) -> u64 {
        let Ok(bytes) = rmp_serde::to_vec_named(entry) else {
            return 0;
        };
        let length = bytes.len() as u64 + u64::from(ENTRY_OVERHEAD);
        if length > most_bytes {
            return 0;
        }
        let kept = self.bus.remember(&name(key), bytes.into(), ttl).await;
        if kept.is_ok() { length } else { 0 }
    }

    /// Keeps an entry. Where the bus is away it is kept here alone.
    pub async fn put<T: Serialize>(&self, key: Digest, entry: &T, ttl: Duration) {
        let Ok(bytes) = rmp_serde::to_vec_named(entry) else {
            return;
        };
        let bytes = Bytes::from(bytes);
        self.memory.insert(key, bytes.clone());
        if let Err(error) = self.bus.remember(&name(key), bytes, ttl).await {
            tracing::debug!(%error, "a result could not be kept for the fleet");
        }
    }
}

fn name(key: Digest) -> String {
    format!("cache:{key}")
}
