use super::{Batch, LatencySummary, Outcome, Second, StageSummary};

impl Outcome {
    /// As if one generator had done both at once. Of a second, the worse
    /// percentile of the two is kept: it has no counts to be added.
    pub fn merged(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.sent += other.sent;
        all.ok += other.ok;
        all.in_slo += other.in_slo;
        for (name, count) in &other.failed {
            *all.failed.entry(name.clone()).or_default() += count;
        }
        all.offered_per_s += other.offered_per_s;
        all.ok_per_s += other.ok_per_s;
        all.goodput_per_s += other.goodput_per_s;
        all.latency = self.latency.merged(&other.latency);
        all.failing = self.failing.merged(&other.failing);
        all.generator_late = self.generator_late.merged(&other.generator_late);
        all.stages = stages(self, other);
        all.batch = batches(self.batch.as_ref(), other.batch.as_ref());
        all.seconds = seconds(&self.seconds, &other.seconds);
        all
    }
}

/// Each generator has sent one of its own.
fn batches(one: Option<&Batch>, other: Option<&Batch>) -> Option<Batch> {
    let add = |sum: Batch, more: &Batch| Batch {
        lines: sum.lines + more.lines,
        completed: sum.completed + more.completed,
        failed: sum.failed + more.failed,
        per_s: sum.per_s + more.per_s,
    };
    one.into_iter()
        .chain(other)
        .cloned()
        .reduce(|sum, more| add(sum, &more))
}

/// In the order of the first, then what only the second has.
fn stages(one: &Outcome, other: &Outcome) -> Vec<StageSummary> {
    let none = LatencySummary::default();
    let of = |stages: &'_ [StageSummary], name: &str| {
        stages.iter().find(|stage| stage.stage == name).cloned()
    };
    let only_there = other
        .stages
        .iter()
        .filter(|stage| of(&one.stages, &stage.stage).is_none());
    let names = one
        .stages
        .iter()
        .chain(only_there)
        .map(|stage| stage.stage.clone());
    names
        .map(|stage| {
            let a = of(&one.stages, &stage);
            let b = of(&other.stages, &stage);
            let sum_ms = |stage: &Option<StageSummary>, ok: u64| {
                stage.as_ref().map_or(0.0, |s| s.mean_ms * ok as f64)
            };
            let mean_ms =
                (sum_ms(&a, one.ok) + sum_ms(&b, other.ok)) / (one.ok + other.ok).max(1) as f64;
            let latency = |stage: &Option<StageSummary>| {
                stage.as_ref().map_or(none.clone(), |s| s.latency.clone())
            };
            StageSummary {
                stage,
                mean_ms,
                latency: latency(&a).merged(&latency(&b)),
            }
        })
        .collect()
}

fn seconds(one: &[Second], other: &[Second]) -> Vec<Second> {
    let none = Second::default();
    (0..one.len().max(other.len()))
        .map(|second| {
            let a = one.get(second).unwrap_or(&none);
            let b = other.get(second).unwrap_or(&none);
            Second {
                second: second as u64,
                offered: a.offered + b.offered,
                ok: a.ok + b.ok,
                in_slo: a.in_slo + b.in_slo,
                failed: a.failed + b.failed,
                p50_ms: a.p50_ms.max(b.p50_ms),
                p99_ms: a.p99_ms.max(b.p99_ms),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::outcome::Latencies;

    fn run(ok: u64, ms: u64, stage: &str) -> Outcome {
        let mut latencies = Latencies::default();
        (0..ok).for_each(|_| latencies.record(Duration::from_millis(ms)));
        let latency = latencies.summary();
        let stage = StageSummary {
            stage: stage.into(),
            mean_ms: ms as f64,
            latency: latency.clone(),
        };
        Outcome {
            sent: ok + 1,
            ok,
            failed: BTreeMap::from([("overloaded".to_owned(), 1)]),
            latency,
            stages: vec![stage],
            seconds: vec![Second {
                offered: ok,
                p99_ms: ms as f64,
                ..Second::default()
            }],
            ..Outcome::default()
        }
    }

    #[test]
    fn what_two_counted_is_what_one_would_have() {
        let both = run(300, 10, "fetch").merged(&run(100, 50, "infer"));
        assert_eq!(
            (both.sent, both.ok, both.failed["overloaded"]),
            (402, 400, 2)
        );
        assert!(
            (both.latency.p50_ms - 10.0).abs() < 0.1 && (both.latency.p90_ms - 50.0).abs() < 0.1
        );
        // Means are over all answers: the two stages were passed by 300 and by 100 of 400.
        let means: Vec<_> = both
            .stages
            .iter()
            .map(|stage| (stage.stage.as_str(), stage.mean_ms))
            .collect();
        assert_eq!(means, [("fetch", 7.5), ("infer", 12.5)]);
        assert_eq!(
            (both.seconds[0].offered, both.seconds[0].p99_ms),
            (400, 50.0)
        );
    }
}
