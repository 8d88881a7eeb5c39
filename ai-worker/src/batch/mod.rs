//! The dynamic batcher: images wait here for the model, in two lines of
//! urgency. A batch closes when it is full, when its oldest image has waited
//! long enough, or at once when every engine stands idle.

mod closing;

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use closing::Closed;
use closing::{Decision, Rules};
use common::queue::Lane;
use tokio::sync::oneshot;

use crate::engine::EngineError;

/// One image's scores, and when the model worked on it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// `[classes] f32`
    pub scores: Vec<f32>,
    pub started: Instant,
    pub finished: Instant,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum BatchError {
    #[error("no time was left when the batch was formed")]
    Expired,
    #[error("too many images wait for the model")]
    Full,
    #[error("the worker is stopping")]
    Stopped,
    #[error(transparent)]
    Engine(EngineError),
}

/// One image that waits.
#[derive(Debug)]
pub struct Item {
    /// `[height, width, 3] u8`
    pub pixels: Vec<u8>,
    pub arrived: Instant,
    pub deadline: Instant,
    pub reply: oneshot::Sender<Result<Scored, BatchError>>,
}

/// What an engine gets.
#[derive(Debug)]
pub struct Batch {
    pub items: Vec<Item>,
    pub closed: Closed,
}

#[derive(Debug)]
pub struct Batcher {
    rules: Rules,
    capacity: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: [VecDeque<Item>; Lane::ALL.len()],
    idle_engines: usize,
    stopping: bool,
}

impl Batcher {
    /// For `engines` that call `next`; holds at most `capacity` images.
    pub fn new(max_batch: usize, max_wait: Duration, engines: usize, capacity: usize) -> Self {
        let rules = Rules { max_batch, max_wait, engines };
        Self { rules, capacity, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Puts an image in line and waits for its scores.
    pub async fn submit(&self, lane: Lane, pixels: Vec<u8>, deadline: Instant) -> Result<Scored, BatchError> {
        let (reply, scored) = oneshot::channel();
        self.push(lane, Item { pixels, arrived: Instant::now(), deadline, reply })?;
        scored.await.unwrap_or(Err(BatchError::Stopped))
    }

    fn push(&self, lane: Lane, item: Item) -> Result<(), BatchError> {
        let mut state = self.state();
        if state.stopping {
            return Err(BatchError::Stopped);
        }
        if state.len() >= self.capacity {
            return Err(BatchError::Full);
        }
        state.waiting[lane as usize].push_back(item);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Blocks an engine's thread until its next batch; `None` after `stop`,
    /// once nothing waits any more.
    pub fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        state.idle_engines += 1;
        let batch = loop {
            state.drop_hopeless(Instant::now());
            let now = Instant::now();
            match self.rules.decide(state.len(), state.oldest(), state.idle_engines, state.stopping, now) {
                Decision::Close(closed) => break Some(state.take(self.rules.max_batch, closed)),
                Decision::End => break None,
                Decision::Wait(None) => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Decision::Wait(Some(timeout)) => {
                    let waited = self.changed.wait_timeout(state, timeout);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        };
        state.idle_engines -= 1;
        batch
    }

    /// Lets engines empty the line and end.
    pub fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn oldest(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|line| line.front()).map(|item| item.arrived).min()
    }

    /// Images that nobody waits for, or that cannot be in time, cost no engine time.
    fn drop_hopeless(&mut self, now: Instant) {
        let hopeless = |item: &mut Item| item.reply.is_closed() || item.deadline <= now;
        for line in &mut self.waiting {
            if line.iter_mut().any(hopeless) {
                let (lost, kept): (VecDeque<_>, _) =
                    line.drain(..).partition(|item| item.reply.is_closed() || item.deadline <= now);
                *line = kept;
                lost.into_iter().for_each(|item| drop(item.reply.send(Err(BatchError::Expired))));
            }
        }
    }

    fn take(&mut self, max: usize, closed: Closed) -> Batch {
        let mut items = Vec::with_capacity(max);
        for line in &mut self.waiting {
            let room = max - items.len();
            items.extend(line.drain(..room.min(line.len())));
        }
        Batch { items, closed }
    }
}

#[cfg(test)]
mod tests;
