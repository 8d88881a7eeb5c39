//! Who waits for which result. Bounded; a waiter that is dropped leaves no trace.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{BusConfig, BusError, ResultKey};
use crate::{
    seal::{Opened, Seal},
    telemetry::RESULTS_REFUSED,
};

#[derive(Clone, Debug)]
pub(super) struct Waiters {
    open: Arc<Mutex<HashMap<ResultKey, Place>>>,
    next_ticket: Arc<AtomicU64>,
    rules: Rules,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    most: usize,
    require_seals: bool,
}

#[derive(Debug)]
struct Place {
    ticket: u64,
    seal: Option<Seal>,
    since: Instant,
    sender: oneshot::Sender<Bytes>,
}

impl Rules {
    pub fn new(config: &BusConfig) -> Self {
        Self {
            most: config.max_waiters,
            require_seals: config.require_seals,
        }
    }

    /// Returns what a payload holds, if it is by somebody who was given the job.
    fn admit(self, seal: Option<&Seal>, payload: Bytes) -> Option<Bytes> {
        let Some(seal) = seal else {
            return Some(payload);
        };
        match seal.open(payload) {
            Opened::Proven(inner) => return Some(inner),
            Opened::Unproven(plain) if !self.require_seals => return Some(plain),
            Opened::Unproven(_) | Opened::Forged => {}
        }
        metrics::counter!(RESULTS_REFUSED).increment(1);
        None
    }
}

impl Waiters {
    pub fn new(rules: Rules) -> Self {
        Self {
            open: Arc::default(),
            next_ticket: Arc::default(),
            rules,
        }
    }

    pub fn register(&self, key: ResultKey, seal: Option<Seal>) -> Result<Waiter, BusError> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open();
        if open.len() >= self.rules.most {
            return Err(BusError::TooManyWaiters);
        }
        let ticket = self.next_ticket.fetch_add(1, Relaxed);
        match open.entry(key.clone()) {
            Entry::Occupied(_) => return Err(BusError::Duplicate),
            Entry::Vacant(entry) => entry.insert(Place {
                ticket,
                seal: seal.clone(),
                since: Instant::now(),
                sender,
            }),
        };
        Ok(Waiter {
            key,
            ticket,
            seal,
            receiver: Some(receiver),
            waiters: self.clone(),
        })
    }

    /// Hands the result to its waiter. The second delivery of a job finds nobody, and one that is not
    /// admitted leaves the waiter where it is.
    pub fn resolve(&self, key: &ResultKey, payload: Bytes) -> bool {
        let Some((ticket, seal)) = self.place(key) else {
            return false;
        };
        // It takes its time, so it is done outside of the lock.
        let Some(payload) = self.rules.admit(seal.as_ref(), payload) else {
            return false;
        };
        let mut open = self.open();
        let Entry::Occupied(place) = open.entry(key.clone()) else {
            return false;
        };
        place.get().ticket == ticket && place.remove().sender.send(payload).is_ok()
    }

    fn place(&self, key: &ResultKey) -> Option<(u64, Option<Seal>)> {
        let open = self.open();
        let place = open.get(key)?;
        Some((place.ticket, place.seal.clone()))
    }

    /// Keys that have been waited for at least so long.
    pub fn waiting_since(&self, age: Duration) -> Vec<ResultKey> {
        let open = self.open();
        open.iter()
            .filter(|(_, place)| place.since.elapsed() >= age)
            .map(|(key, _)| key.clone())
            .collect()
    }

    pub fn len(&self) -> usize {
        self.open().len()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ResultKey, Place>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's place in the waiting room.
#[derive(Debug)]
pub struct Waiter {
    key: ResultKey,
    ticket: u64,
    seal: Option<Seal>,
    /// `None` once served.
    receiver: Option<oneshot::Receiver<Bytes>>,
    waiters: Waiters,
}

impl Waiter {
    /// The result's bytes, once. Put a deadline around it; a wait that is
    /// dropped can be taken up again.
    pub async fn result(&mut self) -> Option<Bytes> {
        let result = self.receiver.as_mut()?.await.ok();
        self.receiver = None;
        result
    }

    /// Returns what a payload holds that was found elsewhere, unless it is not for this waiter.
    pub fn admit(&self, payload: Bytes) -> Option<Bytes> {
        self.waiters.rules.admit(self.seal.as_ref(), payload)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // Once served, its key may be somebody else's.
        if let Entry::Occupied(place) = self.waiters.open().entry(self.key.clone())
            && place.get().ticket == self.ticket
        {
            place.remove();
        }
    }
}
