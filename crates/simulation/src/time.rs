//! Virtual time: nanoseconds since the simulation began, and the moments that production code wants in their place.

use std::time::{Duration, Instant};

pub type Nanos = u64;

pub const SECOND: Nanos = 1_000_000_000;

/// Returns a span of seconds; what is negative or no number is none.
pub fn nanos(seconds: f64) -> Nanos {
    (seconds * SECOND as f64) as Nanos
}

pub fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

/// The present, for both sides.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
    now: Nanos,
}

impl Clock {
    /// Begins at zero. Only differences to the epoch are ever looked at, so it decides nothing.
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            now: 0,
        }
    }

    pub fn now(&self) -> Nanos {
        self.now
    }

    pub fn go_to(&mut self, now: Nanos) {
        debug_assert!(now >= self.now, "time goes on");
        self.now = now;
    }

    pub fn instant(&self) -> Instant {
        self.at(self.now)
    }

    pub fn at(&self, moment: Nanos) -> Instant {
        self.epoch + Duration::from_nanos(moment)
    }

    /// Returns where a moment of production code lies in virtual time.
    pub fn nanos_at(&self, moment: Instant) -> Nanos {
        moment.saturating_duration_since(self.epoch).as_nanos() as Nanos
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
