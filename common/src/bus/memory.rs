//! The bus inside one process.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    BusConfig, BusError, ResultKey,
    bucket::{Bucket, Taken},
    host_clock_us,
    waiters::{Rules, Waiters},
};

/// Results kept at the most; beyond, the oldest is forgotten early.
const RESULTS_KEPT: usize = 20_000;

/// Memos kept at the most; beyond, nothing new is remembered until some are forgotten.
const MEMOS_KEPT: usize = 20_000;

/// Buckets kept at the most before those that are full are forgotten.
const BUCKETS_KEPT: usize = 20_000;

/// Cancellations kept at the most; beyond, jobs are done although nobody waits.
const CANCELLED_KEPT: usize = 20_000;

#[derive(Clone, Debug)]
pub struct Memory {
    rules: Rules,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    results: HashMap<ResultKey, Kept>,
    /// Results in the order in which they came: those of batches live shorter, and go with those that came before.
    order: VecDeque<(Instant, ResultKey)>,
    inboxes: HashMap<String, Waiters>,
    announced: HashMap<(String, String), Kept>,
    memos: HashMap<String, Kept>,
    claims: HashMap<String, Instant>,
    /// When each bucket is full again, microseconds of the host's clock.
    buckets: HashMap<String, KeptBucket>,
    cancelled: HashMap<ResultKey, Instant>,
}

#[derive(Clone, Debug)]
struct Kept {
    payload: Bytes,
    expires: Instant,
}

impl Memory {
    pub fn new(config: &BusConfig) -> Self {
        Self {
            rules: Rules::new(config),
            state: Arc::default(),
        }
    }

    pub fn store_result(
        &self,
        reply_to: &str,
        key: &ResultKey,
        payload: Bytes,
        ttl: Duration,
    ) -> Result<(), BusError> {
        let expires = Instant::now() + ttl;
        let mut state = self.state();
        state.forget_old_results();
        state.results.insert(
            key.clone(),
            Kept {
                payload: payload.clone(),
                expires,
            },
        );
        state.order.push_back((expires, key.clone()));
        let inbox = state.inboxes.get(reply_to).cloned();
        drop(state);
        if let Some(waiters) = inbox {
            waiters.resolve(key, payload);
        }
        Ok(())
    }

    pub fn result(&self, key: &ResultKey) -> Option<Bytes> {
        let state = self.state();
        let kept = state
            .results
            .get(key)
            .filter(|kept| kept.expires > Instant::now())?;
        Some(kept.payload.clone())
    }

    pub fn renew_result(&self, key: &ResultKey, ttl: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let kept = state.results.get_mut(key);
        let Some(kept) = kept.filter(|kept| kept.expires > now) else {
            return false;
        };
        kept.expires = now + ttl;
        true
    }

    pub fn cancel(&self, key: &ResultKey, ttl: Duration) {
        let now = Instant::now();
        let cancelled = &mut self.state().cancelled;
        if cancelled.len() >= CANCELLED_KEPT {
            cancelled.retain(|_, ends| *ends > now);
        }
        if cancelled.len() < CANCELLED_KEPT {
            cancelled.insert(key.clone(), now + ttl);
        }
    }

    pub fn cancelled(&self, keys: &[ResultKey]) -> Vec<bool> {
        let now = Instant::now();
        let state = self.state();
        let is_cancelled = |key| state.cancelled.get(key).is_some_and(|ends| *ends > now);
        keys.iter().map(is_cancelled).collect()
    }

    pub fn open_inbox(&self, name: &str) -> Waiters {
        let new = || Waiters::new(self.rules);
        self.state()
            .inboxes
            .entry(name.to_owned())
            .or_insert_with(new)
            .clone()
    }

    pub fn announce(&self, kind: &str, id: &str, payload: Bytes, ttl: Duration) {
        let kept = Kept {
            payload,
            expires: Instant::now() + ttl,
        };
        self.state()
            .announced
            .insert((kind.to_owned(), id.to_owned()), kept);
    }

    pub fn withdraw(&self, kind: &str, id: &str) {
        self.state()
            .announced
            .remove(&(kind.to_owned(), id.to_owned()));
    }

    pub fn announced(&self, kind: &str) -> Vec<Bytes> {
        let now = Instant::now();
        let mut state = self.state();
        state.announced.retain(|_, kept| kept.expires > now);
        let of_kind = state.announced.iter().filter(|((k, _), _)| k == kind);
        of_kind.map(|(_, kept)| kept.payload.clone()).collect()
    }

    pub fn remember(&self, key: &str, payload: Bytes, ttl: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        if state.memos.len() >= MEMOS_KEPT {
            state.memos.retain(|_, kept| kept.expires > now);
        }
        if state.memos.len() < MEMOS_KEPT || state.memos.contains_key(key) {
            state.memos.insert(
                key.to_owned(),
                Kept {
                    payload,
                    expires: now + ttl,
                },
            );
        }
    }

    pub fn recall(&self, key: &str) -> Option<Bytes> {
        let state = self.state();
        let kept = state
            .memos
            .get(key)
            .filter(|kept| kept.expires > Instant::now())?;
        Some(kept.payload.clone())
    }

    pub fn claim(&self, key: &str, ttl: Duration) -> bool {
        let now = Instant::now();
        let claims = &mut self.state().claims;
        claims.retain(|_, ends| *ends > now);
        let free = !claims.contains_key(key);
        if free {
            claims.insert(key.to_owned(), now + ttl);
        }
        free
    }

    pub fn renew_claim(&self, key: &str, ttl: Duration) {
        if let Some(ends) = self.state().claims.get_mut(key) {
            *ends = Instant::now() + ttl;
        }
    }

    pub fn release(&self, key: &str) {
        self.state().claims.remove(key);
    }

    pub fn take(&self, key: &str, bucket: &Bucket, most: u32) -> Taken {
        let now_us = host_clock_us();
        let buckets = &mut self.state().buckets;
        if buckets.len() >= BUCKETS_KEPT {
            buckets.retain(|_, kept| kept.ends_us > now_us);
        }
        let kept = buckets.entry(bucket.name(key, now_us)).or_default();
        let taken = bucket.take(&mut kept.full_at_us, now_us, most);
        kept.ends_us = bucket.ends_us(kept.full_at_us, now_us);
        taken
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a bucket, and until when that is worth knowing.
#[derive(Debug, Default)]
struct KeptBucket {
    full_at_us: u64,
    ends_us: u64,
}

impl State {
    fn forget_old_results(&mut self) {
        let now = Instant::now();
        while let Some((expires, _)) = self.order.front() {
            if *expires > now && self.order.len() < RESULTS_KEPT {
                return;
            }
            let Some((expires, key)) = self.order.pop_front() else {
                return;
            };
            // A job stored twice has a younger entry, which stays.
            if self
                .results
                .get(&key)
                .is_some_and(|kept| kept.expires <= expires)
            {
                self.results.remove(&key);
            }
        }
    }
}
