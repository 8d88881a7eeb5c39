//! The published comparison.

use clap::Args;
use common::config::positive;

use crate::simulate;

#[derive(Debug, Args)]
pub struct Story {
    /// Engines of each design
    #[arg(long, default_value_t = 320)]
    engines: usize,

    /// Cores that all processes share, as in `bench-892`; 0: machines are no limit
    #[arg(long, default_value_t = 0)]
    shared_cores: usize,

    /// Seconds of each try
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,

    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Story {
    pub fn run(&self) -> anyhow::Result<()> {
        positive("--engines", self.engines)?;
        let steps = simulate::story(self.engines, self.shared_cores, self.seconds, self.seed);
        let old = steps.first().map_or(f64::NAN, |step| step.per_s);
        for step in &steps {
            println!(
                "{:<46}{:>10.1}/s{:>9.2}",
                step.name,
                step.per_s,
                step.per_s / old
            );
        }
        let ours = steps.last().map_or(f64::NAN, |step| step.per_s);
        println!(
            "RESULT engines={} gain={:.2} old_rps={old:.1} fleet_rps={ours:.1}",
            self.engines,
            ours / old
        );
        Ok(())
    }
}
