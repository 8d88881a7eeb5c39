//! The queue inside one process. Same promises as the broker: bounded, at
//! least once, back to the front of its lane when dropped un-acked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{Delivery, Depth, Lane, Message, QueueConfig, QueueError, Received};
use crate::shutdown::Shutdown;

/// Dead letters kept for a look; older ones make room.
const DEAD_LETTERS_KEPT: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Memory {
    shared: Arc<Shared>,
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
    lanes: [VecDeque<Entry>; Lane::ALL.len()],
    dead: VecDeque<Entry>,
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
        Self { shared: Arc::new(shared) }
    }

    pub fn publish(&self, lane: Lane, message: Message) -> Result<(), QueueError> {
        let entry = Entry { payload: message.payload, expires: Instant::now() + message.ttl, failed: 0 };
        let mut state = self.shared.state();
        let queue = &mut state.lanes[lane as usize];
        if queue.len() >= self.shared.max_length {
            return Err(QueueError::Full);
        }
        queue.push_back(entry);
        drop(state);
        self.shared.arrived.notify_one();
        Ok(())
    }

    pub fn consume(&self, lanes: &[Lane], prefetch: u16, shutdown: Shutdown) -> Consumer {
        self.shared.state().consumers += 1;
        let credit = |lane: &Lane| (*lane, Arc::new(Semaphore::new(prefetch.into())));
        Consumer { shared: self.shared.clone(), lanes: lanes.iter().map(credit).collect(), shutdown }
    }

    pub fn depth(&self, lane: Lane) -> Depth {
        let state = self.shared.state();
        Depth { messages: state.lanes[lane as usize].len() as u64, consumers: state.consumers }
    }

    pub fn dead_letters(&self) -> u64 {
        self.shared.state().dead.len() as u64
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
    lanes: Vec<(Lane, Arc<Semaphore>)>,
    shutdown: Shutdown,
}

impl Consumer {
    pub async fn next(&mut self) -> Option<Received> {
        loop {
            let shared = self.shared.clone();
            // Registered before looking, so that an arrival in between is not missed.
            let arrived = shared.arrived.notified();
            if self.shutdown.is_cancelled() {
                return None;
            }
            if let Some(received) = self.take() {
                // Two arrivals may have left one wake-up: pass it on.
                shared.arrived.notify_one();
                return Some(received);
            }
            tokio::select! {
                () = arrived => {}
                () = self.shutdown.cancelled() => return None,
            }
        }
    }

    fn take(&self) -> Option<Received> {
        self.lanes.iter().find_map(|(lane, credit)| {
            let permit = credit.clone().try_acquire_owned().ok()?;
            let mut state = self.shared.state();
            let now = Instant::now();
            let entry = std::iter::from_fn(|| state.lanes[*lane as usize].pop_front()).find(|e| e.expires > now)?;
            if entry.failed >= self.shared.max_attempts {
                return Some(bury(&mut state, entry));
            }
            let (payload, attempt) = (entry.payload.clone(), entry.failed + 1);
            let receipt =
                Receipt { shared: self.shared.clone(), lane: *lane, entry: Some(entry), permit: Some(permit) };
            Some(Received::Delivery(Delivery {
                lane: *lane,
                attempt,
                payload,
                receipt: super::Receipt::Memory(receipt),
            }))
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
    let dead = Received::DeadLettered { payload: entry.payload.clone(), attempts: entry.failed };
    state.dead.push_back(entry);
    if state.dead.len() > DEAD_LETTERS_KEPT {
        state.dead.pop_front();
    }
    dead
}

/// Proof of possession: goes back to its lane when dropped before `ack`.
#[derive(Debug)]
pub struct Receipt {
    shared: Arc<Shared>,
    lane: Lane,
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
        if let Some(mut entry) = self.entry.take() {
            entry.failed += 1;
            self.shared.state().lanes[self.lane as usize].push_front(entry);
        }
        // Credit first, then the wake-up: who wakes must find it.
        self.permit = None;
        self.shared.arrived.notify_waiters();
        self.shared.arrived.notify_one();
    }
}
