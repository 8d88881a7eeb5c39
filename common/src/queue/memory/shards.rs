//! Shards inside one process. What was not acked goes back to the head, as at
//! the broker; nothing expires, and nothing has to run alone.

use std::{
    collections::VecDeque,
    num::NonZeroU16,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{
    queue::{self, Depth, QueueError, ShardDelivery},
    shutdown::Shutdown,
};

#[derive(Clone, Debug)]
pub struct Shards {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max_length: usize,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Entry>,
    consumers: u64,
}

#[derive(Debug)]
struct Entry {
    payload: Bytes,
    failed: u32,
}

impl Shards {
    pub fn new(max_length: usize) -> Self {
        let shared = Shared {
            max_length,
            state: Mutex::default(),
            arrived: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub fn publish(&self, payload: Bytes) -> Result<(), QueueError> {
        let mut state = self.shared.state();
        if state.waiting.len() >= self.shared.max_length {
            return Err(QueueError::Full);
        }
        state.waiting.push_back(Entry { payload, failed: 0 });
        drop(state);
        self.shared.arrived.notify_waiters();
        Ok(())
    }

    pub fn consume(&self, prefetch: NonZeroU16, shutdown: Shutdown) -> Consumer {
        self.shared.state().consumers += 1;
        Consumer {
            shared: self.shared.clone(),
            credit: Arc::new(Semaphore::new(prefetch.get().into())),
            shutdown,
        }
    }

    pub fn depth(&self) -> Depth {
        let state = self.shared.state();
        Depth {
            messages: state.waiting.len() as u64,
            consumers: state.consumers,
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    credit: Arc<Semaphore>,
    shutdown: Shutdown,
}

impl Consumer {
    pub async fn next(&mut self) -> Option<ShardDelivery> {
        super::next(&self.shared.arrived, &self.shutdown, || self.take()).await
    }

    fn take(&self) -> Option<ShardDelivery> {
        let permit = self.credit.clone().try_acquire_owned().ok()?;
        let entry = self.shared.state().waiting.pop_front()?;
        let payload = entry.payload.clone();
        let attempt = entry.failed + 1;
        let receipt = Receipt {
            shared: self.shared.clone(),
            entry: Some(entry),
            permit: Some(permit),
        };
        Some(ShardDelivery {
            attempt,
            payload,
            receipt: queue::ShardReceipt::Memory(receipt),
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.state().consumers -= 1;
        self.shared.arrived.notify_waiters();
    }
}

#[derive(Debug)]
pub struct Receipt {
    shared: Arc<Shared>,
    entry: Option<Entry>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Receipt {
    pub fn ack(mut self) -> bool {
        self.entry = None;
        true
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(Entry { payload, failed }) = self.entry.take() {
            self.shared.state().waiting.push_front(Entry {
                payload,
                failed: failed + 1,
            });
        }
        // Credit first, then the wake-up: who wakes must find it.
        self.permit = None;
        self.shared.arrived.notify_waiters();
    }
}
