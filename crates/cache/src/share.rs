//! How much of the cache batches may fill: a migration of millions must not push out what people ask for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So many bytes within the time that an entry is kept.
#[derive(Clone, Debug)]
pub struct Share {
    most_bytes: u64,
    within: Duration,
    window: Arc<Mutex<Window>>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    bytes: u64,
}

impl Share {
    pub fn new(most_bytes: u64, within: Duration) -> Self {
        let window = Window {
            began: Instant::now(),
            bytes: 0,
        };
        Self {
            most_bytes,
            within,
            window: Arc::new(Mutex::new(window)),
        }
    }

    /// Returns how many bytes are left.
    pub fn left(&self) -> u64 {
        let mut window = self.window();
        if window.began.elapsed() >= self.within {
            window.began = Instant::now();
            window.bytes = 0;
        }
        self.most_bytes.saturating_sub(window.bytes)
    }

    pub fn take(&self, bytes: u64) {
        self.window().bytes += bytes;
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_back_when_its_entries_are_gone() {
        let share = Share::new(1_000, Duration::from_secs(3_600));
        assert_eq!(share.left(), 1_000);
        share.take(700);
        share.take(700);
        assert_eq!(share.left(), 0);
        share.window().began -= Duration::from_secs(3_600);
        assert_eq!(share.left(), 1_000);
    }
}
