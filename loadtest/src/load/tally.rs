//! Counts what comes back, while it comes back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use common::stage::Stage;

use super::{Failure, Reply};
use crate::outcome::{Latencies, Second, StageSummary};

/// How many different failures are told apart.
const MOST_NAMES: usize = 64;

/// How one request ended.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and is never kept"
)]
pub enum Ended {
    Answered(Reply),
    Failed(Failure),
    /// By the generator's own patience.
    TimedOut,
    /// More were under way than the generator may have.
    Unsent,
}

#[derive(Debug)]
pub struct Tally {
    start: Instant,
    warm_up: Duration,
    slo: Duration,
    pub sent: u64,
    pub ok: u64,
    pub in_slo: u64,
    /// Latencies of good answers, from when they were due.
    pub latencies: Latencies,
    /// Latencies of refusals and failures.
    pub failing: Latencies,
    /// Time from when a request was due until it was on its way: the generator's own lateness.
    pub late: Latencies,
    pub failed: BTreeMap<String, u64>,
    stages: BTreeMap<usize, (Latencies, f64)>,
    seconds: Vec<Second>,
    this_second: Latencies,
}

impl Tally {
    pub fn new(start: Instant, warm_up: Duration, slo: Duration) -> Self {
        Self {
            start,
            warm_up,
            slo,
            sent: 0,
            ok: 0,
            in_slo: 0,
            latencies: Latencies::default(),
            failing: Latencies::coarse(),
            late: Latencies::coarse(),
            failed: BTreeMap::new(),
            stages: BTreeMap::new(),
            seconds: Vec::new(),
            this_second: Latencies::coarse(),
        }
    }

    /// A request that was due then leaves now.
    pub fn leaves(&mut self, due: Instant) {
        self.at(due).offered += 1;
        if self.counts(due) {
            self.sent += 1;
            self.late.record(due.elapsed());
        }
    }

    pub fn ended(&mut self, due: Instant, how: Ended) {
        let took = due.elapsed();
        let ok = matches!(&how, Ended::Answered(reply) if reply.is_ok());
        let in_slo = ok && took <= self.slo;
        let second = self.at(Instant::now());
        second.ok += u64::from(ok);
        second.in_slo += u64::from(in_slo);
        second.failed += u64::from(!ok);
        if ok {
            self.this_second.record(took);
        }
        if !self.counts(due) {
            return;
        }
        self.ok += u64::from(ok);
        self.in_slo += u64::from(in_slo);
        match how {
            Ended::Answered(reply) if ok => {
                self.latencies.record(took);
                reply
                    .stages
                    .iter()
                    .for_each(|(stage, ms)| self.stage(stage, ms));
            }
            failed => {
                self.failing.record(took);
                self.fails(&failed);
            }
        }
    }

    /// Returns whether a request counts: during the warm-up, connections are opened and caches filled.
    fn counts(&self, due: Instant) -> bool {
        due.duration_since(self.start) >= self.warm_up
    }

    fn stage(&mut self, stage: Stage, ms: f64) {
        let (latencies, sum_ms) = self
            .stages
            .entry(stage as usize)
            .or_insert_with(|| (Latencies::coarse(), 0.0));
        latencies.record(Duration::from_secs_f64(ms / 1e3));
        *sum_ms += ms;
    }

    fn fails(&mut self, how: &Ended) {
        let name = match how {
            Ended::Answered(reply) => reply.name(),
            Ended::Failed(failure) => failure.name().to_owned(),
            Ended::TimedOut => "client_timeout".to_owned(),
            Ended::Unsent => "unsent".to_owned(),
        };
        let known = self.failed.len() < MOST_NAMES || self.failed.contains_key(&name);
        *self
            .failed
            .entry(if known { name } else { "other".to_owned() })
            .or_default() += 1;
    }

    /// The row of a moment's second; the rows before it are closed.
    fn at(&mut self, moment: Instant) -> &mut Second {
        let second = moment.saturating_duration_since(self.start).as_secs() as usize;
        while self.seconds.len() <= second {
            self.close_second();
            self.seconds.push(Second {
                second: self.seconds.len() as u64,
                ..Second::default()
            });
        }
        &mut self.seconds[second]
    }

    fn close_second(&mut self) {
        let Some(last) = self.seconds.last_mut() else {
            return;
        };
        last.p50_ms = self.this_second.percentile_ms(50.0);
        last.p99_ms = self.this_second.percentile_ms(99.0);
        self.this_second.reset();
    }

    /// The last second that is over.
    pub fn last_second(&self) -> Option<&Second> {
        self.seconds
            .len()
            .checked_sub(2)
            .map(|last| &self.seconds[last])
    }

    pub fn finish(&mut self) -> Vec<Second> {
        self.close_second();
        std::mem::take(&mut self.seconds)
    }

    /// In the order of an image's way.
    pub fn stages(&self) -> Vec<StageSummary> {
        let summary = |(stage, (latencies, sum_ms)): (&usize, &(Latencies, f64))| StageSummary {
            stage: Stage::ALL[*stage].name().to_owned(),
            mean_ms: sum_ms / self.ok.max(1) as f64,
            latency: latencies.summary(),
        };
        self.stages.iter().map(summary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLO: Duration = Duration::from_millis(100);

    fn answered(status: u16, code: Option<&str>) -> Ended {
        Ended::Answered(Reply {
            status,
            code: code.map(str::to_owned),
            ..Reply::default()
        })
    }

    #[test]
    fn time_counts_from_when_a_request_was_due() {
        let start = Instant::now() - Duration::from_secs(10);
        let mut tally = Tally::new(start, Duration::ZERO, SLO);
        // Sent now, but due two seconds ago: whoever asked has waited since then.
        let due = Instant::now() - Duration::from_secs(2);
        tally.leaves(due);
        tally.ended(due, answered(200, None));
        assert_eq!((tally.sent, tally.ok, tally.in_slo), (1, 1, 0));
        assert!(tally.latencies.percentile_ms(50.0) >= 1990.0);
        assert!(tally.late.percentile_ms(50.0) >= 1980.0);
    }

    #[test]
    fn the_warm_up_is_shown_and_not_counted() {
        let start = Instant::now() - Duration::from_secs(3);
        let mut tally = Tally::new(start, Duration::from_secs(2), SLO);
        for due in [start, start + Duration::from_secs(1)] {
            tally.leaves(due);
            tally.ended(due, answered(503, None));
        }
        assert_eq!((tally.sent, tally.failed.len()), (0, 0));
        assert_eq!(
            tally
                .finish()
                .iter()
                .map(|second| second.offered)
                .sum::<u64>(),
            2
        );
    }

    #[test]
    fn failures_are_counted_by_code() {
        let mut tally = Tally::new(Instant::now(), Duration::ZERO, SLO);
        for how in [
            answered(429, Some("overloaded")),
            answered(502, None),
            Ended::TimedOut,
            Ended::Unsent,
        ] {
            tally.ended(Instant::now(), how);
        }
        let names: Vec<_> = tally.failed.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["client_timeout", "http_502", "overloaded", "unsent"]
        );
    }
}
