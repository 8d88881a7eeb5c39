//! Both sides of a case, side by side.

use simulation::Outcome;

use crate::{
    case::Case,
    rounds::Real,
    stand::{WARM_UP, lasts},
};

pub struct Judged {
    name: &'static str,
    throughput: Pair,
    p50_ms: Pair,
    p99_ms: Pair,
    /// The least and the greatest of the real rounds.
    p99_range_ms: (f64, f64),
    /// Parts of what was offered.
    refused: Pair,
}

#[derive(Clone, Copy)]
struct Pair {
    real: f64,
    simulated: f64,
}

impl Pair {
    fn off(self) -> f64 {
        (self.simulated / self.real - 1.0).abs()
    }
}

impl Judged {
    pub fn new(case: &Case, real: &Real, simulated: &Outcome) -> Self {
        let counted_s = (lasts() - WARM_UP).as_secs_f64();
        let pair = |real, simulated| Pair { real, simulated };
        let refused = simulated.refused as f64 / simulated.offered.max(1) as f64;
        Self {
            name: case.name,
            throughput: pair(real.per_s, simulated.good() as f64 / counted_s),
            p50_ms: pair(real.p50_ms, simulated.percentile_ms(50.0)),
            p99_ms: pair(real.p99_ms, simulated.percentile_ms(99.0)),
            p99_range_ms: real.p99_range_ms,
            refused: pair(real.refused, refused),
        }
    }

    pub fn head() {
        println!(
            "\n{:<42}{:>22}{:>22}{:>22}{:>18}{:>18}",
            "real | simulated", "answers/s", "p50 ms", "p99 ms", "real, from to", "refused %"
        );
    }

    pub fn tell(&self) {
        let told = |pair: Pair| {
            let off = pair.off() * 100.0;
            format!("{:>7.1} |{:>7.1} {off:>4.1}%", pair.real, pair.simulated)
        };
        println!(
            "{:<42}{:>22}{:>22}{:>22}{:>18}{:>9.1} |{:>6.1}",
            self.name,
            told(self.throughput),
            told(self.p50_ms),
            told(self.p99_ms),
            format!("{:.0} to {:.0}", self.p99_range_ms.0, self.p99_range_ms.1),
            self.refused.real * 100.0,
            self.refused.simulated * 100.0
        );
    }
}

/// Mean and greatest differences over all that judge.
pub fn figures(judged: &[Judged]) -> Vec<(&'static str, f64)> {
    let mean = |of: fn(&Judged) -> f64| judged.iter().map(of).sum::<f64>() / judged.len() as f64;
    let worst = |of: fn(&Judged) -> f64| judged.iter().map(of).fold(0.0, f64::max);
    let throughput = |one: &Judged| one.throughput.off();
    let p50 = |one: &Judged| one.p50_ms.off();
    let p99 = |one: &Judged| one.p99_ms.off();
    let refused = |one: &Judged| (one.refused.real - one.refused.simulated).abs();
    vec![
        ("throughput_off", mean(throughput)),
        ("p50_off", mean(p50)),
        ("p99_off", mean(p99)),
        ("throughput_worst", worst(throughput)),
        ("p50_worst", worst(p50)),
        ("p99_worst", worst(p99)),
        ("refused_worst", worst(refused)),
        ("cases", judged.len() as f64),
    ]
}
