//! What several rounds of one case came to: the median of each figure, since a machine that others use stalls now and then.

use testing::bench::Spread;

use crate::{
    case::Case,
    stand::{Cpu, Measured},
};

#[derive(Clone, Copy, Debug)]
pub struct Real {
    pub per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The least and the greatest of the rounds.
    pub p99_range_ms: (f64, f64),
    /// A part of what was offered.
    pub refused: f64,
    pub cpu: Cpu,
}

impl Real {
    pub fn of(rounds: &[Measured]) -> Self {
        let all = |of: &dyn Fn(&Measured) -> f64| {
            let figures: Vec<f64> = rounds.iter().map(of).collect();
            Spread::of(&figures)
        };
        let p99 = all(&|one| one.outcome.latency.p99_ms);
        let cpu = |of: fn(&Cpu) -> f64| all(&|one| of(&one.cpu)).median;
        Self {
            per_s: all(&|one| one.outcome.ok_per_s).median,
            p50_ms: all(&|one| one.outcome.latency.p50_ms).median,
            p99_ms: p99.median,
            p99_range_ms: (p99.min, p99.max),
            refused: all(&refused).median,
            cpu: Cpu {
                server_s: cpu(|cpu| cpu.server_s),
                decoders_s: cpu(|cpu| cpu.decoders_s),
                worker_s: cpu(|cpu| cpu.worker_s),
                broker_s: cpu(|cpu| cpu.broker_s),
                bus_s: cpu(|cpu| cpu.bus_s),
                before_s: cpu(|cpu| cpu.before_s),
            },
        }
    }
}

fn refused(one: &Measured) -> f64 {
    let failed = one.outcome.failed.iter();
    let refused = failed.filter(|(name, _)| name.contains("overloaded"));
    refused.map(|(_, count)| *count).sum::<u64>() as f64 / one.outcome.sent.max(1) as f64
}

pub fn tell(case: &Case, round: usize, real: &Measured) {
    let outcome = &real.outcome;
    println!(
        "{} {:<42} {:>6.1}/s offered, {:>6.1}/s answered, p50 {:>6.1} p99 {:>7.1} ms, generator {:.1} ms late",
        round + 1,
        case.name,
        outcome.offered_per_s,
        outcome.ok_per_s,
        outcome.latency.p50_ms,
        outcome.latency.p99_ms,
        outcome.generator_late.p99_ms
    );
}
