//! The published comparison.

use anyhow::{Context, ensure};
use clap::Args;
use common::config::{Numbers, Whole};

use crate::simulate;

const ENGINES: Whole = Whole::new(2, 100_000);
const CORES: Whole = Whole::new(0, 100_000);
/// The first three seconds of a try fill the fleet.
const SECONDS: Numbers = Numbers::new(4.0, 3_600.0);

#[derive(Debug, Args)]
pub struct Story {
    /// Engines of each design, an even number: our workers have two each
    #[arg(long, value_parser = ENGINES, default_value_t = 320)]
    engines: usize,

    /// Cores that all processes share, as in `bench-892`; 0: machines are no limit
    #[arg(long, value_parser = CORES, default_value_t = 0)]
    shared_cores: usize,

    /// Seconds of each try, of which the first three are not counted
    #[arg(long, value_parser = SECONDS, default_value_t = 8.0)]
    seconds: f64,

    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Story {
    pub fn run(&self) -> anyhow::Result<()> {
        ensure!(
            self.engines.is_multiple_of(2),
            "--engines: {} is odd, and our workers have two engines each",
            self.engines
        );
        let steps = simulate::story(self.engines, self.shared_cores, self.seconds, self.seed);
        let old = steps.first().map(|step| step.per_s);
        let old = old.filter(|per_s| *per_s > 0.0).context(
            "the old design meets the objective at no rate, so there is nothing to compare with",
        )?;
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
