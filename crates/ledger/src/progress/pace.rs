//! How fast a batch goes of late, from looks at how far it is.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What is longer ago says little of what comes.
const REMEMBERED: Duration = Duration::from_secs(300);
/// What is closer together is noise.
const APART: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Pace {
    looks: VecDeque<(Instant, u64)>,
}

impl Pace {
    pub fn look(&mut self, now: Instant, done: u64) {
        if self.looks.back().is_some_and(|(at, _)| now < *at + APART) {
            return;
        }
        self.looks.push_back((now, done));
        while self
            .looks
            .front()
            .is_some_and(|(at, _)| *at + REMEMBERED < now)
        {
            self.looks.pop_front();
        }
    }

    /// Items a second, once there is something to tell it by.
    pub fn per_s(&self) -> Option<f64> {
        let (first, before) = self.looks.front()?;
        let (last, done) = self.looks.back()?;
        let spent = last.duration_since(*first);
        (spent >= SHORTEST).then(|| done.saturating_sub(*before) as f64 / spent.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_that_of_late() {
        let mut pace = Pace::default();
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        pace.look(at(0), 0);
        pace.look(at(4), 400);
        assert_eq!(pace.per_s(), None, "too early to tell");
        pace.look(at(10), 1_000);
        pace.look(at(10), 5_000);
        assert_eq!(pace.per_s(), Some(100.0));
        pace.look(at(310), 1_000 + 300 * 7);
        assert_eq!(pace.per_s(), Some(7.0));
    }
}
