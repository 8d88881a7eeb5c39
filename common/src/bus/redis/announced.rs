//! What processes say of themselves at Redis: a hash of each kind, with the time of expiry before each value. So one call reads
//! all, however many there are.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{BusError, Redis};

/// An announcement is removed so long after it expired, lest a renewal on its way be removed with it.
const FORGET_AFTER_MS: u64 = 60_000;
/// Kinds that nobody announces any more vanish as a whole.
const KIND_TTL_S: i64 = 86_400;

impl Redis {
    pub fn announce<'a>(
        &'a self,
        kind: &'a str,
        id: &'a str,
        payload: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let expires_ms = (self.now_us() / 1_000).saturating_add(ttl.as_millis() as u64);
            let value = [&expires_ms.to_be_bytes()[..], &payload].concat();
            let key = self.inner.keys.announced(kind);
            let mut both = redis::pipe();
            both.cmd("HSET").arg(&key).arg(id).arg(value).ignore();
            both.cmd("EXPIRE").arg(&key).arg(KIND_TTL_S).ignore();
            self.inner
                .call(async |mut commands| both.query_async::<()>(&mut commands).await)
                .await
        })
    }

    pub fn withdraw<'a>(
        &'a self,
        kind: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut remove = redis::cmd("HDEL");
            remove.arg(self.inner.keys.announced(kind)).arg(id);
            self.inner.ask::<()>(&remove).await
        })
    }

    pub fn announced<'a>(&'a self, kind: &'a str) -> BoxFuture<'a, Result<Vec<Bytes>, BusError>> {
        Box::pin(async move {
            let key = self.inner.keys.announced(kind);
            let all: HashMap<String, Vec<u8>> =
                self.inner.ask(redis::cmd("HGETALL").arg(&key)).await?;
            let now = self.now_us() / 1_000;
            let mut said = Vec::new();
            let mut old = Vec::new();
            for (id, value) in all {
                let Some((expires_ms, payload)) = value.split_first_chunk::<8>() else {
                    continue;
                };
                let expires_ms = u64::from_be_bytes(*expires_ms);
                if expires_ms > now {
                    said.push(Bytes::copy_from_slice(payload));
                } else if expires_ms.saturating_add(FORGET_AFTER_MS) < now {
                    old.push(id);
                }
            }
            if !old.is_empty() {
                self.inner
                    .ask::<()>(redis::cmd("HDEL").arg(&key).arg(old))
                    .await?;
            }
            Ok(said)
        })
    }
}
