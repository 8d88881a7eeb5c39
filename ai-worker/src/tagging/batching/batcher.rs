//! The desk behind a lock: jobs put images in line, engines' threads block for
//! their next batch. Nothing is decided here.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use common::queue::Priority;
use tokio::sync::oneshot;

use super::{
    Batch, BatchError, Item, LineId, Rules, Scored,
    cost::Cost,
    desk::{Desk, Formed, Refused, Step},
};
use crate::{decode::Picture, engine::Engines};

#[derive(Debug)]
pub struct Batcher {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    desk: Desk<Item>,
    engines: HashMap<LineId, Arc<Engines>>,
}

impl Batcher {
    /// For so many threads, which call `next` by their numbers; holds at most `capacity` images.
    pub fn new(threads: usize, capacity: usize) -> Self {
        let state = State {
            desk: Desk::new(threads, capacity),
            engines: HashMap::new(),
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Opens a line. `engines` holds one for each thread, `warm_up` what their runs took by size.
    pub fn open(&self, rules: Rules, warm_up: &[(usize, f64)], engines: Arc<Engines>) -> LineId {
        let mut state = self.state();
        let line = state.desk.open(rules, Cost::new(warm_up));
        state.engines.insert(line, engines);
        line
    }

    /// Takes no more images into a line. Its engines are let go once it has run empty.
    pub fn retire(&self, line: LineId) {
        let mut state = self.state();
        state.desk.retire(line);
        let retired = state.forget_retired();
        drop(state);
        self.changed.notify_all();
        // Unloading takes its time, and nobody shall wait for it at the lock.
        drop(retired);
    }

    /// Puts an image in line and waits for its scores.
    pub async fn submit(
        &self,
        line: LineId,
        priority: Priority,
        picture: Picture,
        deadline: Instant,
    ) -> Result<Scored, BatchError> {
        let (reply, scored) = oneshot::channel();
        self.push(line, priority, Item { picture, reply }, deadline)?;
        scored.await.unwrap_or(Err(BatchError::Stopped))
    }

    pub(super) fn push(
        &self,
        line: LineId,
        priority: Priority,
        item: Item,
        deadline: Instant,
    ) -> Result<(), BatchError> {
        let pushed = self
            .state()
            .desk
            .push(line, priority, item, deadline, Instant::now());
        pushed.map_err(|refused| match refused {
            Refused::Full => BatchError::Full,
            Refused::Retired => BatchError::Retired,
            Refused::Stopped => BatchError::Stopped,
        })?;
        // One is enough: it takes a batch and wakes the next one, or waits and knows how long.
        self.changed.notify_one();
        Ok(())
    }

    /// Blocks an engine's thread until its next batch; `None` after `stop`,
    /// once nothing waits any more.
    pub fn next(&self, thread: usize) -> Option<Batch> {
        let mut state = self.state();
        state.desk.engine_idle(thread);
        loop {
            let now = Instant::now();
            state.drop_hopeless(now);
            match state.desk.step(thread, now) {
                Step::Run(formed) => {
                    if state.desk.len() > 0 {
                        self.changed.notify_one();
                    }
                    return Some(state.batch(formed));
                }
                Step::End => return None,
                Step::Wait(None) => {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
                Step::Wait(Some(until)) => {
                    let waited = self
                        .changed
                        .wait_timeout(state, until.saturating_duration_since(now));
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// The line learns what `n` images cost.
    pub fn ran(&self, line: LineId, n: usize, seconds: f64) -> Option<usize> {
        self.state().desk.ran(line, n, seconds)
    }

    /// `n` images did not fit into the engine's memory. Answers how many the line's batches may hold from now on.
    pub fn too_many(&self, line: LineId, n: usize) -> Option<usize> {
        self.state().desk.too_many(line, n)
    }

    /// Images that wait, in all lines.
    pub fn waiting(&self) -> usize {
        self.state().desk.len()
    }

    /// Lets engines empty the lines and end.
    pub fn stop(&self) {
        self.state().desk.stop();
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Images that nobody waits for, or that cannot be in time, cost no engine time.
    fn drop_hopeless(&mut self, now: Instant) {
        for item in self.desk.drop_hopeless(|item| item.reply.is_closed(), now) {
            let _ = item.reply.send(Err(BatchError::Expired));
        }
        self.forget_retired();
    }

    fn batch(&mut self, formed: Formed<Item>) -> Batch {
        let Formed {
            line,
            items,
            closed,
            sizes,
            fit,
        } = formed;
        let engines = self.engines[&line].clone();
        self.forget_retired();
        let fill = items.len() as f64 / sizes.max() as f64;
        Batch {
            line,
            items,
            closed,
            fill,
            fit,
            sizes,
            engines,
        }
    }

    fn forget_retired(&mut self) -> Vec<Arc<Engines>> {
        self.engines
            .extract_if(|line, _| !self.desk.is_open(*line))
            .map(|(_, engines)| engines)
            .collect()
    }
}
