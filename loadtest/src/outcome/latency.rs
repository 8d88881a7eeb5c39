//! Times as a histogram, and as they stand in a result: what was counted, not
//! percentiles alone, so that results of several generators can be added.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(600);
/// Digits of the whole run's times.
const DIGITS: u8 = 3;

/// Microseconds, in buckets less than 0.1 % wide.
#[derive(Clone, Debug)]
pub struct Latencies {
    micros: Histogram<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    pub count: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub max_ms: f64,
    /// Pairs of microseconds and how many took as long; in JSON one text, `1200:3 1310:1`.
    #[serde(with = "pairs")]
    pub counts: Vec<(u64, u64)>,
}

impl Default for Latencies {
    fn default() -> Self {
        Self::with_digits(DIGITS)
    }
}

impl Latencies {
    /// Fewer digits take less memory: for one second, or one stage.
    pub fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        let longest = LONGEST.as_micros() as u64;
        Self {
            micros: Histogram::new_with_bounds(1, longest, digits).expect("the bounds are valid"),
        }
    }

    pub fn record(&mut self, took: Duration) {
        self.micros.saturating_record(took.as_micros() as u64);
    }

    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        self.micros.value_at_percentile(percentile) as f64 / 1e3
    }

    pub fn count(&self) -> u64 {
        self.micros.len()
    }

    pub fn reset(&mut self) {
        self.micros.reset();
    }

    pub fn summary(&self) -> LatencySummary {
        LatencySummary {
            count: self.count(),
            mean_ms: self.micros.mean() / 1e3,
            p50_ms: self.percentile_ms(50.0),
            p90_ms: self.percentile_ms(90.0),
            p99_ms: self.percentile_ms(99.0),
            p999_ms: self.percentile_ms(99.9),
            max_ms: self.percentile_ms(100.0),
            counts: self
                .micros
                .iter_recorded()
                .map(|at| (at.value_iterated_to(), at.count_at_value()))
                .collect(),
        }
    }
}

impl LatencySummary {
    /// With all that was counted, to be added to or asked for other percentiles.
    pub fn counted(&self) -> Latencies {
        let mut all = Latencies::default();
        self.counts
            .iter()
            .for_each(|(micros, n)| all.micros.saturating_record_n(*micros, *n));
        all
    }

    /// As if one generator had measured both.
    pub fn merged(&self, other: &Self) -> Self {
        let mut all = self.counted();
        other
            .counts
            .iter()
            .for_each(|(micros, n)| all.micros.saturating_record_n(*micros, *n));
        all.summary()
    }
}

/// A line instead of a page of numbers.
mod pairs {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(
        pairs: &[(u64, u64)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let shown: Vec<String> = pairs
            .iter()
            .map(|(micros, n)| format!("{micros}:{n}"))
            .collect();
        serializer.serialize_str(&shown.join(" "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(u64, u64)>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = |pair: &str| {
            let (micros, n) = pair.split_once(':')?;
            Some((micros.parse().ok()?, n.parse().ok()?))
        };
        let pairs = text
            .split_whitespace()
            .map(|text| pair(text).ok_or_else(|| D::Error::custom(text)));
        pairs.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: impl Iterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::default();
        millis.for_each(|ms| latencies.record(Duration::from_millis(ms)));
        latencies
    }

    fn near(measured: f64, expected: f64) {
        assert!(
            (measured / expected - 1.0).abs() < 0.002,
            "{measured} is not {expected}"
        );
    }

    #[test]
    fn percentiles_are_of_what_was_recorded() {
        let summary = of(1..=1000).summary();
        near(summary.p50_ms, 500.0);
        near(summary.p99_ms, 990.0);
        near(summary.max_ms, 1000.0);
        assert_eq!(summary.count, 1000);
    }

    #[test]
    fn a_summary_survives_its_file() {
        let summary = of([1, 5, 5, 700].into_iter()).summary();
        let json = serde_json::to_string(&summary).expect("JSON");
        assert_eq!(
            serde_json::from_str::<LatencySummary>(&json).expect("the same"),
            summary
        );
        assert!(
            json.contains(" 5001:2") || json.contains(" 5000:2") || json.contains(" 5003:2"),
            "{json}"
        );
    }

    #[test]
    fn merging_is_counting_together_not_averaging() {
        let fast = of(std::iter::repeat_n(1, 900)).summary();
        let slow = of(std::iter::repeat_n(100, 100)).summary();
        let merged = fast.merged(&slow);
        assert_eq!(merged.count, 1000);
        near(merged.p50_ms, 1.0);
        near(merged.p99_ms, 100.0);
        near(merged.mean_ms, 10.9);
    }
}
