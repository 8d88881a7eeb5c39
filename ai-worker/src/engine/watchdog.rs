//! Notices when a run of the model does not come back. Nothing can stop it
//! then but the end of the process.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::fatal::EngineFailure;

/// A run may take so many times what was expected.
const PATIENCE: u32 = 20;

const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Watchdog {
    /// However short a run should be, it may take so long.
    least: Duration,
    running: Mutex<Vec<Option<Running>>>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    since: Instant,
    limit: Duration,
}

impl Running {
    fn overdue(&self, now: Instant) -> Option<Duration> {
        let took = now.saturating_duration_since(self.since);
        (took > self.limit).then_some(took)
    }
}

impl Watchdog {
    pub fn new(threads: usize, least: Duration) -> Self {
        Self {
            least,
            running: Mutex::new(vec![None; threads]),
        }
    }

    pub fn begins(&self, thread: usize, expected: Duration, now: Instant) {
        let limit = self.least.max(expected.saturating_mul(PATIENCE));
        self.running()[thread] = Some(Running { since: now, limit });
    }

    pub fn ended(&self, thread: usize) {
        self.running()[thread] = None;
    }

    /// Returns how long a run has taken that has taken too long.
    pub fn overdue(&self, now: Instant) -> Option<Duration> {
        self.running()
            .iter()
            .flatten()
            .filter_map(|one| one.overdue(now))
            .max()
    }

    /// Looks until a run is overdue.
    pub async fn watch(&self) -> EngineFailure {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(took) = self.overdue(Instant::now()) {
                return EngineFailure::Hung(took);
            }
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<Option<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_overdue_after_twenty_times_what_was_expected_or_after_the_least() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let watchdog = Watchdog::new(2, Duration::from_secs(10));
        watchdog.begins(0, Duration::from_millis(5), start);
        watchdog.begins(1, Duration::from_secs(1), start);
        assert_eq!(watchdog.overdue(after(10)), None);
        assert_eq!(watchdog.overdue(after(11)), Some(Duration::from_secs(11)));
        watchdog.ended(0);
        assert_eq!(watchdog.overdue(after(20)), None);
        assert_eq!(watchdog.overdue(after(21)), Some(Duration::from_secs(21)));
    }
}
