//! What the sweep remembers of a batch from one look to the next.

use std::time::Duration;

use common::backoff::Pauses;
use ledger::{Calls, Survey};
use tokio::time::Instant;

use crate::tasks::BackgroundTask;

/// For whoever has called shards to put them into the queue.
pub const ANNOUNCED_WITHIN: Duration = Duration::from_secs(10);
/// The pause after the first look that found nothing new; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Between two steps of a batch, should a store not list at once what was written.
const STEP: Duration = Duration::from_millis(50);

/// When a batch is looked at again, unless something hints at it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is one step further, and the next one can be made.
    Now,
    /// Nothing is to be done: after a pause that grows up to this one.
    Within(Duration),
    /// Nothing is to be done before.
    After(Duration),
}

#[derive(Debug)]
pub struct Watched {
    pub next: Instant,
    /// Looks in a row that found nothing to do.
    idle: u32,
    /// Something is known to have changed, so it is looked at here, whoever looks after it.
    pub hinted: bool,
    pub announced: bool,
    /// A call whose shards are not in the queue yet, and since when.
    unsaid: Option<(usize, Instant)>,
    /// Calls that change no more: all shards are called.
    pub all_called: Option<Calls>,
    /// Finished shards, and pages of the others.
    written: (u32, usize),
    pub moved: Instant,
    pub intake: BackgroundTask,
    pub delivery: BackgroundTask,
    pub webhook: BackgroundTask,
}

impl Watched {
    pub fn new(now: Instant) -> Self {
        Self {
            next: now,
            idle: 0,
            hinted: false,
            announced: false,
            unsaid: None,
            all_called: None,
            written: (0, 0),
            moved: now,
            intake: BackgroundTask::default(),
            delivery: BackgroundTask::default(),
            webhook: BackgroundTask::default(),
        }
    }

    /// It is to be looked at now, and then again with short pauses.
    pub fn hint(&mut self, now: Instant) {
        self.next = now;
        self.idle = 0;
        self.hinted = true;
    }

    pub fn has_task(&self) -> bool {
        let tasks = [&self.intake, &self.delivery, &self.webhook];
        tasks.iter().any(|task| task.is_under_way())
    }

    /// `chance`: 0 to 1, so that not all batches are looked at together.
    pub fn plan(&mut self, next: Next, now: Instant, chance: f64) {
        self.hinted = next == Next::Now;
        self.next = match next {
            Next::Now => now + STEP,
            Next::After(pause) => now + pause,
            Next::Within(longest) => {
                self.idle += 1;
                now + Pauses::doubling(FIRST_PAUSE, longest).spread(self.idle, chance)
            }
        };
    }

    /// Notes how far the batch is.
    pub fn see(&mut self, survey: &Survey, now: Instant) {
        let written = (survey.finished_shards(), survey.pages);
        if written != self.written {
            self.written = written;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks in an hour at a batch that nothing happens to.
    fn looks_in_an_hour(next: Next) -> u32 {
        let begun = Instant::now();
        let mut watched = Watched::new(begun);
        let mut looks = 0;
        while watched.next < begun + Duration::from_secs(3_600) {
            let now = watched.next;
            watched.plan(next, now, 1.0);
            looks += 1;
        }
        looks
    }

    #[test]
    fn a_batch_that_nothing_happens_to_is_looked_at_rarely() {
        assert_eq!(looks_in_an_hour(Next::Within(Duration::from_secs(30))), 124);
        assert_eq!(looks_in_an_hour(Next::Within(Duration::from_secs(60))), 65);
        assert_eq!(looks_in_an_hour(Next::After(Duration::from_secs(1_800))), 2);
    }

    #[test]
    fn a_hint_is_followed_by_short_pauses() {
        let now = Instant::now();
        let mut watched = Watched::new(now);
        for _ in 0..10 {
            watched.plan(Next::Within(Duration::from_secs(60)), now, 1.0);
        }
        assert_eq!(watched.next, now + Duration::from_secs(60));
        watched.hint(now);
        assert!(watched.hinted && watched.next == now);
        watched.plan(Next::Within(Duration::from_secs(60)), now, 1.0);
        assert!(!watched.hinted);
        assert_eq!(watched.next, now + Duration::from_secs(1));
    }
}
