//! Who waits for which result. Bounded; a waiter that is dropped leaves no trace.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{BusError, ResultKey};

#[derive(Clone, Debug)]
pub(super) struct Waiters {
    open: Arc<Mutex<HashMap<ResultKey, oneshot::Sender<Bytes>>>>,
    max: usize,
}

impl Waiters {
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    pub fn register(&self, key: ResultKey) -> Result<Waiter, BusError> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open();
        if open.len() >= self.max {
            return Err(BusError::TooManyWaiters);
        }
        match open.entry(key.clone()) {
            Entry::Occupied(_) => return Err(BusError::Duplicate),
            Entry::Vacant(entry) => entry.insert(sender),
        };
        Ok(Waiter { key, receiver, waiters: self.clone() })
    }

    /// Hands the result to its waiter. The second delivery of a job finds nobody.
    pub fn resolve(&self, key: &ResultKey, payload: Bytes) -> bool {
        let waiter = self.open().remove(key);
        waiter.is_some_and(|sender| sender.send(payload).is_ok())
    }

    pub fn len(&self) -> usize {
        self.open().len()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<ResultKey, oneshot::Sender<Bytes>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's place in the waiting room.
#[derive(Debug)]
pub struct Waiter {
    key: ResultKey,
    receiver: oneshot::Receiver<Bytes>,
    waiters: Waiters,
}

impl Waiter {
    /// The result's bytes. Put a deadline around it.
    pub async fn result(&mut self) -> Option<Bytes> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.waiters.open().remove(&self.key);
    }
}
