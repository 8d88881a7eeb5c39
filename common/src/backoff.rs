//! Pauses between tries that do not bring a whole fleet back in step.

use std::time::{Duration, Instant};

/// A row of pauses, each so many times as long as the one before, up to a longest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    pub first: Duration,
    pub factor: u32,
    pub longest: Duration,
}

impl Pauses {
    pub const fn doubling(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            factor: 2,
            longest,
        }
    }

    /// Returns the longest pause after so many failed tries; 0 and 1 have the first one.
    pub fn after(&self, failed: u32) -> Duration {
        let times = self.factor.saturating_pow(failed.saturating_sub(1));
        self.first.saturating_mul(times).min(self.longest)
    }

    /// Returns half of that pause or more. `chance`: 0 to 1.
    pub fn spread(&self, failed: u32, chance: f64) -> Duration {
        self.after(failed).mul_f64(0.5 + chance / 2.0)
    }

    pub async fn wait(&self, failed: u32) {
        tokio::time::sleep(self.spread(failed, rand::random())).await;
    }
}

/// Returns half of a pause or more, up to one and a half of it: what goes on in every process shall not go on in all at once.
pub fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + rand::random::<f64>())
}

/// A connection that held this long was a good one: its next loss begins with the first pause again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// No longer than 2 s: a server that is back before the workers are would have requests wait for them.
const RECONNECT: Pauses = Pauses::doubling(Duration::from_millis(800), Duration::from_secs(2));

/// The first try after a loss comes this soon: one node of several was lost, and another takes the connection.
const FIRST_TRY_WITHIN: Duration = Duration::from_millis(200);

/// The tries of one connection. The first one comes at once or soon after, at random, so that a fleet does not come in one
/// moment; where it fails each further pause is twice as long.
#[derive(Debug)]
pub struct Backoff {
    failed: u32,
    last: Instant,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            failed: 0,
            last: Instant::now(),
        }
    }
}

impl Backoff {
    pub async fn wait(&mut self) {
        if self.last.elapsed() > FORGOTTEN_AFTER {
            self.failed = 0;
        }
        match self.failed {
            0 => tokio::time::sleep(FIRST_TRY_WITHIN.mul_f64(rand::random())).await,
            failed => RECONNECT.wait(failed).await,
        }
        self.failed += 1;
        self.last = Instant::now();
    }
}

const REMIND: Pauses = Pauses::doubling(Duration::from_secs(2), Duration::from_secs(60));

/// Says when something that goes on failing is worth a word in the log: at once, then ever more rarely.
#[derive(Debug, Default)]
pub struct Reminder {
    said: u32,
    last: Option<Instant>,
}

impl Reminder {
    pub fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let since = self.last.map(|last| now.duration_since(last));
        match since {
            Some(since) if since < REMIND.after(self.said) => return false,
            // It went well meanwhile: what fails now is news.
            Some(since) if since > 2 * REMIND.longest => self.said = 0,
            _ => {}
        }
        self.said += 1;
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest() {
        let pauses = Pauses::doubling(Duration::from_secs(2), Duration::from_secs(60));
        let row: Vec<u64> = (0..8)
            .map(|failed| pauses.after(failed).as_secs())
            .collect();
        assert_eq!(row, [2, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses.after(u32::MAX), Duration::from_secs(60));
    }

    #[test]
    fn what_fails_all_the_time_is_said_once_and_again_later() {
        let mut reminder = Reminder::default();
        let said = (0..100).filter(|_| reminder.is_due()).count();
        assert_eq!(said, 1);
        reminder.last = reminder
            .last
            .and_then(|last| last.checked_sub(REMIND.first));
        assert!(reminder.is_due());
        assert!(!reminder.is_due());
    }

    #[test]
    fn jitter_keeps_the_mean() {
        let pause = Duration::from_secs(2);
        let all: Vec<Duration> = (0..1_000).map(|_| jittered(pause)).collect();
        assert!(
            all.iter()
                .all(|one| (pause / 2..=pause * 3 / 2).contains(one))
        );
        let mean = all.iter().sum::<Duration>() / 1_000;
        assert!(mean.abs_diff(pause) < pause / 10, "{mean:?}");
    }

    #[test]
    fn chance_takes_up_to_half_of_a_pause() {
        let pauses = Pauses::doubling(Duration::from_secs(2), Duration::from_secs(60));
        assert_eq!(pauses.spread(2, 0.0), Duration::from_secs(2));
        assert_eq!(pauses.spread(2, 1.0), Duration::from_secs(4));
    }
}
