//! How long those waited who were served last, and how many stood before them.

use std::time::{Duration, Instant};

/// What is older than this by much has no say any more.
const MEMORY: Duration = Duration::from_millis(250);
/// The least weight of one that was served, however many are served at the same moment.
const LEAST_WEIGHT: f64 = 1.0 / 64.0;
/// What was seen so long ago says nothing of now.
const STALE: Duration = Duration::from_secs(5);

/// Means that forget: each is of the same ones, so that the two belong together whatever the line did meanwhile.
#[derive(Debug, Default)]
pub struct Recent {
    seen: Option<Instant>,
    ahead: f64,
    wait_s: f64,
}

impl Recent {
    /// Takes note of one who was served at `now`, having waited behind `ahead` others.
    pub fn note(&mut self, ahead: usize, wait: Duration, now: Instant) {
        let weight = self.weight(now);
        self.ahead += (ahead as f64 - self.ahead) * weight;
        self.wait_s += (wait.as_secs_f64() - self.wait_s) * weight;
        self.seen = Some(now);
    }

    fn weight(&self, now: Instant) -> f64 {
        let Some(since) = self.since(now).filter(|since| *since < STALE) else {
            return 1.0;
        };
        let forgotten = 1.0 - (-since.as_secs_f64() / MEMORY.as_secs_f64()).exp();
        forgotten.max(LEAST_WEIGHT)
    }

    /// Returns how long ago somebody was served.
    pub fn since(&self, now: Instant) -> Option<Duration> {
        self.seen.map(|seen| now.saturating_duration_since(seen))
    }

    /// Foretells the wait behind `ahead` others, where anything is known. `most_each_s` bounds what one more of them costs.
    ///
    /// A line that is served evenly makes everyone wait in proportion to those ahead. What was seen is taken along that
    /// proportion, to as many as there are now.
    pub fn wait_s(&self, ahead: usize, most_each_s: f64, now: Instant) -> Option<f64> {
        self.since(now).filter(|since| *since < STALE)?;
        let each_s = (self.wait_s / (self.ahead + 1.0)).min(most_each_s);
        let more = ahead as f64 - self.ahead;
        Some((self.wait_s + more * each_s).max(0.0))
    }
}
