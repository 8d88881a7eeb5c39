//! What the sweep remembers of a batch from one look to the next.

use std::time::Duration;

use ledger::{Calls, Progress};
use tokio::time::Instant;

use crate::tasks::BackgroundTask;

/// For whoever has called shards to put them into the queue.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Watched {
    pub next: Instant,
    pub announced: bool,
    /// A call whose shards are not in the queue yet, and since when.
    unsaid: Option<(usize, Instant)>,
    done: u64,
    pub moved: Instant,
    pub intake: BackgroundTask,
    pub delivery: BackgroundTask,
    pub webhook: BackgroundTask,
}

impl Watched {
    pub fn new(now: Instant) -> Self {
        Self {
            next: now,
            announced: false,
            unsaid: None,
            done: 0,
            moved: now,
            intake: BackgroundTask::default(),
            delivery: BackgroundTask::default(),
            webhook: BackgroundTask::default(),
        }
    }

    /// Notes how far the batch is.
    pub fn see(&mut self, progress: &Progress, now: Instant) {
        let done = progress.tally.done();
        if done != self.done {
            self.done = done;
            self.moved = now;
        }
    }

    /// Returns a call that has been without its shards for too long.
    pub fn unsaid(&mut self, calls: &Calls, now: Instant) -> Option<usize> {
        match (calls.unsaid.first(), self.unsaid) {
            (Some(call), Some((same, since))) if *call == same => {
                (now > since + ANNOUNCED_WITHIN).then_some(same)
            }
            (call, _) => {
                self.unsaid = call.map(|call| (*call, now));
                None
            }
        }
    }
}
