//! Foretells how long a job will wait, from what those before it waited: who
//! would wait too long is refused before any work is done for him.

mod recent;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use recent::Recent;

/// Where jobs stand one behind the other: before the workers, or before this server's decoders.
#[derive(Clone, Debug, Default)]
pub struct WaitEstimator {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    inside: usize,
    /// Those inside that leave as soon as they are served.
    prompt: usize,
    recent: Recent,
    /// Somebody who would leave once served is queued since then.
    waiting_since: Option<Instant>,
    outage: Outage,
    /// When somebody left it, served.
    served: Option<Instant>,
    /// What one more job costs everyone behind it at the most, seconds.
    most_each_s: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            inside: 0,
            prompt: 0,
            recent: Recent::default(),
            waiting_since: None,
            outage: Outage::None,
            served: None,
            most_each_s: f64::INFINITY,
        }
    }
}

/// Whether the queue was cut off from who serves it.
#[derive(Clone, Copy, Debug)]
enum Outage {
    None,
    /// Nobody has been served since.
    Lasts,
    /// The first one was served then.
    EndedAt(Instant),
}

/// When somebody leaves the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    OnceServed,
    /// After something else that takes its own time, such as a caption.
    Later,
}

/// An entry of the queue. Dropped without [`QueueEntry::served`], it tells nothing of how long others wait.
#[derive(Debug)]
pub struct QueueEntry {
    queue: WaitEstimator,
    ahead: usize,
    leaves: Completion,
    entered: Instant,
}

impl WaitEstimator {
    pub fn enter(&self, leaves: Completion) -> QueueEntry {
        self.enter_at(leaves, Instant::now())
    }

    /// Each method that looks at a clock has a twin like this one, to which the time is handed in: a simulator has a clock of
    /// its own.
    pub fn enter_at(&self, leaves: Completion, now: Instant) -> QueueEntry {
        let mut state = self.state();
        let ahead = state.inside;
        state.inside += 1;
        if leaves == Completion::OnceServed {
            if state.prompt == 0 {
                state.waiting_since = Some(now);
            }
            state.prompt += 1;
        }
        drop(state);
        QueueEntry {
            queue: self.clone(),
            ahead,
            leaves,
            entered: now,
        }
    }

    pub fn inside(&self) -> usize {
        self.state().inside
    }

    /// Foretells the wait behind `ahead` others. Nothing is known before the first was served.
    pub fn wait_behind(&self, ahead: usize) -> Option<Duration> {
        self.wait_behind_at(ahead, Instant::now())
    }

    pub fn wait_behind_at(&self, ahead: usize, now: Instant) -> Option<Duration> {
        let state = self.state();
        let stalled = state.stalled_s(now);
        let usual = state.recent.wait_s(ahead, state.most_each_s, now);
        let wait_s = match usual {
            Some(usual) => usual.max(stalled),
            None if stalled > 0.0 => stalled,
            None => return None,
        };
        Some(Duration::from_secs_f64(wait_s))
    }

    /// Tells the queue how fast all servers together are served, jobs a second, and how many servers share that.
    /// A server that has few jobs in the queue would otherwise take the wait of the others for the cost of its own.
    pub fn set_served_by_all(&self, per_s: f64, servers: usize) {
        let each_s = servers as f64 / per_s;
        self.state().most_each_s = if each_s.is_finite() {
            each_s
        } else {
            f64::INFINITY
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns for how long nobody has been served though somebody waits for just that.
    fn stalled_s(&self, now: Instant) -> f64 {
        let Some(waiting) = self.waiting_since.filter(|_| self.prompt > 0) else {
            return 0.0;
        };
        let waiting = now.saturating_duration_since(waiting);
        let since = |served| now.saturating_duration_since(served);
        let served = self.served.map_or(Duration::MAX, since);
        waiting.min(served).as_secs_f64()
    }

    fn somebody_was_served(&mut self, now: Instant) {
        self.served = Some(now);
        if matches!(self.outage, Outage::Lasts) {
            self.outage = Outage::EndedAt(now);
        }
    }
}

impl QueueEntry {
    /// Leaves the queue, served after `wait`.
    pub fn served(self, wait: Duration) {
        self.served_at(wait, Instant::now());
    }

    pub fn served_at(self, wait: Duration, now: Instant) {
        let mut state = self.queue.state();
        state.somebody_was_served(now);
        // Whoever stood there through an outage would tell of the outage, and not of how fast the queue moves.
        let stood_through = match state.outage {
            Outage::EndedAt(ended) => self.entered < ended,
            Outage::None | Outage::Lasts => false,
        };
        if !stood_through {
            state.recent.note(self.ahead, wait, now);
        }
    }

    /// Leaves the queue, served by a later attempt than the first: how long that took says nothing of who comes now.
    pub fn served_again(self) {
        self.served_again_at(Instant::now());
    }

    pub fn served_again_at(self, now: Instant) {
        self.queue.state().somebody_was_served(now);
    }

    /// Leaves the queue, which is cut off from who serves it. An outage is no wait: who still stands there waits from now on.
    pub fn cut_off(self) {
        self.cut_off_at(Instant::now());
    }

    pub fn cut_off_at(self, now: Instant) {
        let mut state = self.queue.state();
        state.waiting_since = Some(now);
        state.outage = Outage::Lasts;
    }
}

impl Drop for QueueEntry {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.inside -= 1;
        if self.leaves == Completion::OnceServed {
            state.prompt -= 1;
        }
    }
}
