//! What one rate came to.

use loadtest::outcome::Outcome;

pub struct Row {
    pub multiple: f64,
    pub offered_per_s: f64,
    /// Good answers in time, as a part of the highest rate.
    pub goodput: f64,
    /// Good answers in time, as a part of the requests that were let in.
    pub in_time: f64,
    /// The median of good answers.
    pub p50_ms: f64,
    pub refusal_p99_ms: f64,
    /// Goodput that the first second lacks, as time.
    pub settled_ms: f64,
    pub memory_mib: f64,
}

impl Row {
    pub fn new(multiple: f64, highest: f64, outcome: &Outcome, memory_mib: f64) -> Self {
        let refused = refused(outcome);
        let let_in = outcome.sent - refused;
        let first = outcome.seconds.first().map_or(0, |second| second.in_slo);
        let wanted = highest * multiple.min(1.0);
        Self {
            multiple,
            offered_per_s: outcome.offered_per_s,
            goodput: outcome.goodput_per_s / highest,
            in_time: outcome.in_slo as f64 / let_in.max(1) as f64,
            p50_ms: outcome.latency.p50_ms,
            refusal_p99_ms: outcome.failing.p99_ms,
            settled_ms: (1.0 - first as f64 / wanted).max(0.0) * 1e3,
            memory_mib,
        }
    }

    pub fn head() {
        println!(
            "  {:>5}{:>11}{:>9}{:>9}{:>9}{:>15}{:>12}{:>11}",
            "x C",
            "offered/s",
            "goodput",
            "in time",
            "p50 ms",
            "refusal p99 ms",
            "settled ms",
            "memory MiB"
        );
    }

    pub fn tell(&self) {
        println!(
            "  {:>5}{:>11.1}{:>9.3}{:>9.4}{:>9.0}{:>15.1}{:>12.0}{:>11.0}",
            self.multiple,
            self.offered_per_s,
            self.goodput,
            self.in_time,
            self.p50_ms,
            self.refusal_p99_ms,
            self.settled_ms,
            self.memory_mib
        );
    }
}

/// Returns how many were told at once that the fleet is busy.
pub fn refused(outcome: &Outcome) -> u64 {
    let refusals = |(name, _): &(&String, &u64)| name.contains("overloaded");
    outcome
        .failed
        .iter()
        .filter(refusals)
        .map(|(_, count)| count)
        .sum()
}
