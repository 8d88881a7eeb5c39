//! One run, every job of it.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use simulation::{
    Outcome, Scenario,
    world::{Options, run_with},
};

use super::{FleetArgs, files};
use crate::{
    load::{Arrivals, Shape},
    simulate,
};

#[derive(Debug, Args)]
pub struct OneRun {
    #[command(flatten)]
    fleet: FleetArgs,

    /// Everything about the fleet, its costs and what breaks, in the place of --profile and --device
    #[arg(long)]
    scenario: Option<PathBuf>,

    /// As in `loadtest run`
    #[arg(long, default_value = "poisson:6250")]
    shape: Shape,

    #[arg(long, default_value_t = 30.0)]
    seconds: f64,

    /// Keep a line of everything that happens
    #[arg(long)]
    log: Option<PathBuf>,
}

impl OneRun {
    pub fn run(&self) -> anyhow::Result<()> {
        let scenario: Scenario = match &self.scenario {
            Some(path) => files::read(Some(path), "")?,
            None => {
                let mut scenario = self.fleet.setup()?.scenario(peak(&self.shape))?;
                scenario.warm_up_s = (self.seconds / 6.0).min(5.0);
                scenario
            }
        };
        let lasts = Duration::from_secs_f64(self.seconds);
        let mut arrivals = Arrivals::new(self.shape.clone(), lasts, scenario.seed);
        let options = Options {
            log: self.log.is_some(),
            day_s: 0.0,
        };
        let begun = std::time::Instant::now();
        let outcome = run_with(&scenario, &mut arrivals, options, None);
        let took_s = begun.elapsed().as_secs_f64();
        println!("{}", simulate::rows_head());
        println!("{}", simulate::row("", scenario.fleet.workers, &outcome));
        tell_run(&outcome, took_s);
        if let Some(path) = &self.log {
            let text = outcome.log.join("\n") + "\n";
            fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

/// Returns the rate that servers have to be there for; of a recorded trace, twice its mean.
fn peak(shape: &Shape) -> f64 {
    match shape {
        Shape::Trace(times) => {
            let lasts_s = times.last().map_or(1.0, Duration::as_secs_f64);
            2.0 * times.len() as f64 / lasts_s.max(1.0)
        }
        _ => shape.peak(),
    }
}

fn tell_run(outcome: &Outcome, took_s: f64) {
    let answered = outcome.answered.max(1) as f64;
    let stages = &outcome.stages;
    let mean_ms = |sum_s: f64| sum_s / answered * 1e3;
    println!(
        "stages, mean ms: fetch {:.1}, prepare {:.1}, queue {:.1}, batch_wait {:.1}, infer {:.1}",
        mean_ms(stages.fetch_s),
        mean_ms(stages.prepare_s),
        mean_ms(stages.queue_s),
        mean_ms(stages.batch_wait_s),
        mean_ms(stages.infer_s)
    );
    println!(
        "busy: servers {:.0} %, workers' processors {:.0} %, broker {:.0} %, result store {:.0} %",
        outcome.busy.servers * 100.0,
        outcome.busy.workers * 100.0,
        outcome.busy.broker * 100.0,
        outcome.busy.bus * 100.0
    );
    println!(
        "every job simulated: {} requests, {} events in {took_s:.1} s; digest {:016x}",
        outcome.came, outcome.events, outcome.digest
    );
}
