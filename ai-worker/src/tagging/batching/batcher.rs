//! The scheduler behind a lock: jobs put images into queues, engine threads
//! block for their next batch. Nothing is decided here.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use batching::{Cost, Formed, QueueId, Refused, Rules, Scheduler, Step};
use common::queue::Priority;
use tokio::sync::oneshot;

use super::{Batch, BatchError, Item, Scored};
use crate::{engine::Engines, tagging::decode::Picture};

#[derive(Debug)]
pub struct Batcher {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    scheduler: Scheduler<Item>,
    engines: HashMap<QueueId, Arc<Engines>>,
}

/// Engines that no queue needs any more. Unloading them takes its time, so they are dropped only where
/// nobody waits for the lock.
#[derive(Debug)]
#[must_use = "engines are unloaded outside of the lock"]
struct Retired(Vec<Arc<Engines>>);

impl Batcher {
    /// Serves so many engine threads, which call `next` by their numbers; holds at most `capacity` images.
    pub fn new(threads: usize, capacity: usize) -> Self {
        let state = State {
            scheduler: Scheduler::new(threads, capacity),
            engines: HashMap::new(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Opens a queue. `engines` holds one for each thread, `warm_up` what their runs took by size.
    pub fn open(&self, rules: Rules, warm_up: &[(usize, f64)], engines: Arc<Engines>) -> QueueId {
        let mut state = self.state();
        let queue = state.scheduler.open(rules, Cost::new(warm_up));
        state.engines.insert(queue, engines);
        queue
    }

    /// Takes no more images into a queue. Its engines are let go once it has run empty.
    pub fn retire(&self, queue: QueueId) {
        let mut state = self.state();
        state.scheduler.retire(queue);
        let retired = state.take_retired();
        unload(state, retired);
        self.changed.notify_all();
    }

    /// Puts an image into a queue and waits for its scores.
    pub async fn submit(
        &self,
        queue: QueueId,
        priority: Priority,
        picture: Picture,
        deadline: Instant,
    ) -> Result<Scored, BatchError> {
        let (reply, scored) = oneshot::channel();
        self.push(queue, priority, Item { picture, reply }, deadline)?;
        scored.await.unwrap_or(Err(BatchError::Stopped))
    }

    pub(super) fn push(
        &self,
        queue: QueueId,
        priority: Priority,
        item: Item,
        deadline: Instant,
    ) -> Result<(), BatchError> {
        let now = Instant::now();
        let pushed = self
            .state()
            .scheduler
            .push(queue, priority, item, deadline, now);
        pushed.map_err(|refused| match refused {
            Refused::Full => BatchError::Full,
            Refused::Retired => BatchError::Retired,
            Refused::Stopped => BatchError::Stopped,
        })?;
        // One is enough: it takes a batch and wakes the next one, or waits and knows how long.
        self.changed.notify_one();
        Ok(())
    }

    /// Blocks an engine thread until its next batch; `None` after `stop`,
    /// once nothing waits any more.
    pub fn next(&self, thread: usize) -> Option<Batch> {
        let mut state = self.state();
        state.scheduler.engine_idle(thread);
        loop {
            let now = Instant::now();
            let retired = state.expire(now);
            if !retired.0.is_empty() {
                unload(state, retired);
                state = self.state();
                continue;
            }
            match state.scheduler.step(thread, now) {
                Step::Run(formed) => return Some(self.begin(state, formed)),
                Step::End => return None,
                Step::Wait(until) => state = self.wait(state, until, now),
            }
        }
    }

    fn begin(&self, mut state: MutexGuard<'_, State>, formed: Formed<Item>) -> Batch {
        let batch = state.batch(formed);
        let retired = state.take_retired();
        if !state.scheduler.is_empty() {
            self.changed.notify_one();
        }
        unload(state, retired);
        batch
    }

    /// Waits until something changes, or until then.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
        now: Instant,
    ) -> MutexGuard<'a, State> {
        let Some(until) = until else {
            let waited = self.changed.wait(state);
            return waited.unwrap_or_else(PoisonError::into_inner);
        };
        let time = until.saturating_duration_since(now);
        let waited = self.changed.wait_timeout(state, time);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state
    }

    /// Learns what `n` images cost. Returns how many the queue's batches may hold if that was raised.
    pub fn ran(&self, queue: QueueId, n: usize, seconds: f64) -> Option<usize> {
        self.state().scheduler.ran(queue, n, seconds)
    }

    /// Learns that `n` images did not fit into the engine's memory. Returns how many the queue's batches may
    /// hold from now on.
    pub fn too_many(&self, queue: QueueId, n: usize) -> Option<usize> {
        self.state().scheduler.too_many(queue, n)
    }

    /// Returns how many images wait, in all queues.
    pub fn waiting(&self) -> usize {
        self.state().scheduler.len()
    }

    /// Lets engines empty the queues and end.
    pub fn stop(&self) {
        self.state().scheduler.stop();
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives the lock back, and only then lets the engines go.
fn unload(state: MutexGuard<'_, State>, retired: Retired) {
    drop(state);
    drop(retired);
}

impl State {
    /// Answers images that nobody waits for, or that cannot be in time: they cost no engine time.
    fn expire(&mut self, now: Instant) -> Retired {
        let expired = self
            .scheduler
            .remove_hopeless(|item| item.reply.is_closed(), now);
        for item in expired {
            let _ = item.reply.send(Err(BatchError::Expired));
        }
        self.take_retired()
    }

    fn batch(&mut self, formed: Formed<Item>) -> Batch {
        let engines = self.engines[&formed.queue].clone();
        let fill = formed.items.len() as f64 / formed.sizes.max() as f64;
        Batch {
            queue: formed.queue,
            items: formed.items,
            closed: formed.closed,
            fill,
            fit: formed.fit,
            sizes: formed.sizes,
            engines,
        }
    }

    /// Takes out the engines of queues that have run empty.
    fn take_retired(&mut self) -> Retired {
        let retired = self
            .engines
            .extract_if(|queue, _| !self.scheduler.is_open(*queue))
            .map(|(_, engines)| engines);
        Retired(retired.collect())
    }
}
