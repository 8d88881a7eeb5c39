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

use super::{BusError, ResultKey};

#[derive(Clone, Debug)]
pub(super) struct Waiters {
    open: Arc<Mutex<HashMap<ResultKey, Place>>>,
    next_ticket: Arc<AtomicU64>,
    max: usize,
}

#[derive(Debug)]
struct Place {
    ticket: u64,
    since: Instant,
    sender: oneshot::Sender<Bytes>,
}

impl Waiters {
    pub fn new(max: usize) -> Self {
        Self {
            open: Arc::default(),
            next_ticket: Arc::default(),
            max,
        }
    }

    pub fn register(&self, key: ResultKey) -> Result<Waiter, BusError> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open();
        if open.len() >= self.max {
            return Err(BusError::TooManyWaiters);
        }
        let ticket = self.next_ticket.fetch_add(1, Relaxed);
        match open.entry(key.clone()) {
            Entry::Occupied(_) => return Err(BusError::Duplicate),
            Entry::Vacant(entry) => entry.insert(Place {
                ticket,
                since: Instant::now(),
                sender,
            }),
        };
        Ok(Waiter {
            key,
            ticket,
            receiver: Some(receiver),
            waiters: self.clone(),
        })
    }

    /// Hands the result to its waiter. The second delivery of a job finds nobody.
    pub fn resolve(&self, key: &ResultKey, payload: Bytes) -> bool {
        let mut open = self.open();
        let Some(place) = open.remove(key) else {
            return false;
        };
        place.sender.send(payload).is_ok()
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
