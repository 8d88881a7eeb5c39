//! This process's memory, and behind it the bus, which all of the fleet shares.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use common::bus::Bus;
use moka::{Expiry, sync::Cache as Memory};
use serde::{Serialize, de::DeserializeOwned};

use crate::{CacheConfig, Digest};

/// What an entry takes of memory beside its bytes: key, expiry and the table's own.
const ENTRY_OVERHEAD: u32 = 128;

#[derive(Clone)]
pub struct Layers {
    memory: Memory<Digest, Stored>,
    bus: Bus,
}

/// An entry as it lies in both layers. It takes its end along: what one process recalls lives there no longer than where it came
/// from.
#[derive(Clone)]
struct Stored {
    /// Microseconds since 1970 by the fleet's clock.
    ends_us: u64,
    payload: Bytes,
}

/// Ends each entry of memory at its own time.
struct OwnEnd(Bus);

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
        let weight = |_: &Digest, stored: &Stored| stored.payload.len() as u32 + ENTRY_OVERHEAD;
        let memory = Memory::builder()
            .max_capacity(config.cache_memory_mib << 20)
            .weigher(weight)
            .expire_after(OwnEnd(bus.clone()))
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
        if let Some(stored) = self.memory.get(&key) {
            return rmp_serde::from_slice(&stored.payload).ok();
        }
        let bytes = match self.bus.recall(&name(key)).await {
            Ok(found) => found?,
            Err(error) => {
                tracing::debug!(%error, "the cache of results cannot be read");
                return None;
            }
        };
        let stored = Stored::read(bytes)?;
        let entry = rmp_serde::from_slice(&stored.payload).ok()?;
        self.memory.insert(key, stored);
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
        let Some(stored) = self.stored(entry, ttl) else {
            return 0;
        };
        let length = stored.payload.len() as u64 + u64::from(ENTRY_OVERHEAD);
        if length > most_bytes {
            return 0;
        }
        let kept = self.bus.remember(&name(key), stored.written(), ttl).await;
        if kept.is_ok() { length } else { 0 }
    }

    /// Keeps an entry. Where the bus is away it is kept here alone.
    pub async fn put<T: Serialize>(&self, key: Digest, entry: &T, ttl: Duration) {
        let Some(stored) = self.stored(entry, ttl) else {
            return;
        };
        let bytes = stored.written();
        self.memory.insert(key, stored);
        if let Err(error) = self.bus.remember(&name(key), bytes, ttl).await {
            tracing::debug!(%error, "a result could not be kept for the fleet");
        }
    }

    /// Returns nothing for what is to be kept for no time at all.
    fn stored<T: Serialize>(&self, entry: &T, ttl: Duration) -> Option<Stored> {
        if ttl.is_zero() {
            return None;
        }
        Some(Stored {
            ends_us: self.bus.now_us().saturating_add(ttl.as_micros() as u64),
            payload: rmp_serde::to_vec_named(entry).ok()?.into(),
        })
    }
}

impl Stored {
    /// Its end, then what it holds.
    fn written(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(size_of::<u64>() + self.payload.len());
        bytes.put_u64(self.ends_us);
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }

    fn read(mut bytes: Bytes) -> Option<Self> {
        let ends_us = bytes.try_get_u64().ok()?;
        Some(Self {
            ends_us,
            payload: bytes,
        })
    }
}

impl Expiry<Digest, Stored> for OwnEnd {
    fn expire_after_create(&self, _: &Digest, stored: &Stored, _: Instant) -> Option<Duration> {
        let left_us = stored.ends_us.saturating_sub(self.0.now_us());
        Some(Duration::from_micros(left_us))
    }

    fn expire_after_update(
        &self,
        key: &Digest,
        stored: &Stored,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(key, stored, now)
    }
}

fn name(key: Digest) -> String {
    format!("cache:{key}")
}
