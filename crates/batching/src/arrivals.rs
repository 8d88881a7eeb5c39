//! How soon the next image may be expected.

use std::time::{Duration, Instant};

/// Weight of the latest gap in the mean of all.
const WEIGHT: f64 = 1.0 / 16.0;

/// Longer gaps count as this one: nobody waits for an image that is so far
/// away, and a night without images shall not be remembered for a day.
const LONGEST: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Arrivals {
    last: Option<Instant>,
    mean_gap_s: Option<f64>,
}

impl Arrivals {
    pub fn seen(&mut self, now: Instant) {
        if let Some(last) = self.last {
            let gap_s = now
                .saturating_duration_since(last)
                .min(LONGEST)
                .as_secs_f64();
            let mean_s = self.mean_gap_s.unwrap_or(gap_s);
            self.mean_gap_s = Some(mean_s + WEIGHT * (gap_s - mean_s));
        }
        self.last = Some(now);
    }

    /// Returns the mean of late, but no less than what has passed without an image already.
    pub fn expected_gap_s(&self, now: Instant) -> f64 {
        let silence_s = self.last.map_or(0.0, |last| {
            now.saturating_duration_since(last).as_secs_f64()
        });
        self.mean_gap_s
            .map_or(f64::INFINITY, |mean_s| mean_s.max(silence_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_gap_follows_the_rate_and_the_silence() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut arrivals = Arrivals::default();
        arrivals.seen(start);
        assert_eq!(arrivals.expected_gap_s(start), f64::INFINITY);
        (1..=100).for_each(|n| arrivals.seen(at(2 * n)));
        assert!((arrivals.expected_gap_s(at(200)) - 0.002).abs() < 1e-9);
        assert_eq!(arrivals.expected_gap_s(at(250)), 0.05);
        arrivals.seen(at(3_600_000));
        assert!(
            arrivals.expected_gap_s(at(3_600_000)) < 0.1,
            "an hour of silence is soon forgotten"
        );
    }
}
