//! The queue inside one process. Same promises as the broker: bounded, at
//! least once, and the last attempt of a job runs alone.

mod shards;
#[cfg(test)]
mod simulation;

use std::{
    collections::VecDeque,
    num::NonZeroU16,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{
    DEAD_LETTERS_KEPT, Delivery, Depth, JobQueue, Message, NextTry, QueueConfig, QueueError,
    QueueId, Received, next_try,
};
use crate::shutdown::Shutdown;
pub use shards::{Consumer as ShardConsumer, Receipt as ShardReceipt, Shards};

#[derive(Clone, Debug)]
pub struct Memory {
    shared: Arc<Shared>,
    pub shards: Shards,
}

#[derive(Debug)]
struct Shared {
    max_length: usize,
    max_attempts: u32,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    queues: [VecDeque<Entry>; QueueId::COUNT],
    /// Jobs with one attempt left and such with none, by queue.
    retries: [VecDeque<Entry>; QueueId::COUNT],
    /// How many are counted of those that failed too often; what they held is nobody's any more.
    dead: usize,
    consumers: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    payload: Bytes,
    expires: Instant,
    /// Deliveries that ended without an ack.
    failed: u32,
}

impl Memory {
    pub fn new(config: &QueueConfig) -> Self {
        let shared = Shared {
            max_length: config.queue_max_length as usize,
            max_attempts: config.queue_max_attempts,
            state: Mutex::default(),
            arrived: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
            shards: Shards::new(config.queue_max_length as usize),
        }
    }

    pub fn publish(&self, queue: QueueId, message: Message) -> Result<(), QueueError> {
        let entry = Entry {
            payload: message.payload,
            expires: Instant::now() + message.ttl,
            failed: 0,
        };
        let mut state = self.shared.state();
        let queue = &mut state.queues[queue.index()];
        if queue.len() >= self.shared.max_length {
            return Err(QueueError::Full);
        }
        queue.push_back(entry);
        drop(state);
        // All of them: the one that wakes first may have no credit.
        self.shared.arrived.notify_waiters();
        Ok(())
    }

    pub fn consume(&self, queue: JobQueue, prefetch: NonZeroU16, shutdown: Shutdown) -> Consumer {
        self.shared.state().consumers += 1;
        let credit = |id: QueueId| (id, Arc::new(Semaphore::new(prefetch.get().into())));
        let queues = QueueId::of(queue).map(credit).collect();
        Consumer {
            shared: self.shared.clone(),
            queues,
            held: Arc::default(),
            shutdown,
        }
    }

    pub fn depth(&self, queue: QueueId) -> Depth {
        let mut state = self.shared.state();
        state.drop_expired(queue);
        let messages = state.queues[queue.index()].len() + state.retries[queue.index()].len();
        Depth {
            messages: messages as u64,
            consumers: state.consumers,
        }
    }

    pub fn dead_letters(&self) -> u64 {
        self.shared.state().dead as u64
    }
}

impl State {
    /// At the head, as the broker does: a short-lived job behind a long-lived one is counted until its turn.
    fn drop_expired(&mut self, id: QueueId) {
        let now = Instant::now();
        for queue in [&mut self.queues[id.index()], &mut self.retries[id.index()]] {
            while queue.front().is_some_and(|entry| entry.expires <= now) {
                queue.pop_front();
            }
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is one push or pop: a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    queues: Vec<(QueueId, Arc<Semaphore>)>,
    held: Arc<Held>,
    shutdown: Shutdown,
}

/// What one consumer has in its hands. Changed under the state's lock only.
#[derive(Debug, Default)]
struct Held {
    jobs: AtomicUsize,
    /// A job with one attempt left is in hand.
    alone: AtomicBool,
    /// The job before was one.
    was_alone: AtomicBool,
}

/// Waits for what `take` gives; nothing after the shutdown.
async fn next<T>(arrived: &Notify, shutdown: &Shutdown, take: impl Fn() -> Option<T>) -> Option<T> {
    loop {
        // Registered before looking, so that an arrival in between is not missed.
        let notified = arrived.notified();
        if shutdown.is_cancelled() {
            return None;
        }
        if let Some(taken) = take() {
            return Some(taken);
        }
        // In order, so that a simulation runs the same twice.
        tokio::select! {
            biased;
            () = notified => {}
            () = shutdown.cancelled() => return None,
        }
    }
}

impl Consumer {
    pub async fn next(&mut self) -> Option<Received> {
        next(&self.shared.arrived, &self.shutdown, || self.take()).await
    }

    fn take(&self) -> Option<Received> {
        let mut state = self.shared.state();
        if self.held.alone.load(Relaxed) {
            return None;
        }
        for (queue, _) in &self.queues {
            state.drop_expired(*queue);
            let retries = &mut state.retries[queue.index()];
            let Some(entry) = retries.front() else {
                continue;
            };
            if next_try(entry.failed, self.shared.max_attempts) == NextTry::None {
                let entry = retries.pop_front()?;
                return Some(bury(&mut state, entry));
            }
            // Between two of them, others have their turn.
            if self.held.was_alone.load(Relaxed)
                && let Some(received) = self.take_fresh(&mut state)
            {
                return Some(received);
            }
            // It waits until it can be alone, and the others wait for it.
            if self.held.jobs.load(Relaxed) > 0 {
                return None;
            }
            let entry = state.retries[queue.index()].pop_front()?;
            self.held.alone.store(true, Relaxed);
            self.held.was_alone.store(true, Relaxed);
            return Some(self.hand_out(*queue, entry, None));
        }
        self.take_fresh(&mut state)
    }

    fn take_fresh(&self, state: &mut State) -> Option<Received> {
        self.held.was_alone.store(false, Relaxed);
        self.queues.iter().find_map(|(queue, credit)| {
            let permit = credit.clone().try_acquire_owned().ok()?;
            let entry = state.queues[queue.index()].pop_front()?;
            Some(self.hand_out(*queue, entry, Some(permit)))
        })
    }

    fn hand_out(
        &self,
        queue: QueueId,
        entry: Entry,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Received {
        self.held.jobs.fetch_add(1, Relaxed);
        let payload = entry.payload.clone();
        let attempt = entry.failed + 1;
        let shared = self.shared.clone();
        let held = self.held.clone();
        let receipt = super::Receipt::Memory(Receipt {
            shared,
            held,
            queue,
            entry: Some(entry),
            permit,
        });
        Received::Delivery(Delivery {
            priority: queue.priority,
            attempt,
            payload,
            receipt,
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.state().consumers -= 1;
        // Whatever woke this consumer may be for another one.
        self.shared.arrived.notify_one();
    }
}

fn bury(state: &mut State, entry: Entry) -> Received {
    state.dead = (state.dead + 1).min(DEAD_LETTERS_KEPT);
    Received::DeadLettered {
        payload: entry.payload,
        attempts: entry.failed,
    }
}

/// Proof of possession: goes back when dropped before `ack`.
#[derive(Debug)]
pub struct Receipt {
    shared: Arc<Shared>,
    held: Arc<Held>,
    queue: QueueId,
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
        let mut state = self.shared.state();
        if let Some(mut entry) = self.entry.take() {
            entry.failed += 1;
            let queue = self.queue.index();
            match next_try(entry.failed, self.shared.max_attempts) {
                NextTry::InCompany => state.queues[queue].push_back(entry),
                NextTry::Alone | NextTry::None => state.retries[queue].push_back(entry),
            }
        }
        self.held.jobs.fetch_sub(1, Relaxed);
        // It was alone, or nobody was.
        self.held.alone.store(false, Relaxed);
        drop(state);
        // Credit first, then the wake-up: who wakes must find it.
        self.permit = None;
        self.shared.arrived.notify_waiters();
        self.shared.arrived.notify_one();
    }
}
