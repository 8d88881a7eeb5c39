//! One run, every job of it.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;
use common::config::SECONDS;
use simulation::{
    Outcome, Scenario,
    world::{Options, run_with},
};

use super::{FleetArgs, WORKERS, files};
use crate::{
    load::{Arrivals, Shape},
    simulate,
};

/// How long a shape lasts that does not say so itself.
const LASTS: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub struct OneRun {
    #[command(flatten)]
    fleet: FleetArgs,

    #[arg(long, value_parser = WORKERS, default_value_t = 320)]
    workers: usize,

    /// Everything about the fleet, its costs, the objective and what breaks, in the place of these options
    #[arg(long, conflicts_with_all = ["profile", "load", "device", "workers", "policy", "no_admission", "slo_ms", "seed"])]
    scenario: Option<PathBuf>,

    /// As in `loadtest run`
    #[arg(long, default_value = "poisson:6250")]
    shape: Shape,

    /// How long requests come, seconds, with the warm-up [default: as the shape says, or 30]
    #[arg(long, value_parser = SECONDS)]
    seconds: Option<f64>,

    /// Keep a line of everything that happens
    #[arg(long)]
    log: Option<PathBuf>,
}

impl OneRun {
    pub fn run(&self) -> anyhow::Result<()> {
        let lasts = self.lasts();
        let scenario = self.scenario(lasts)?;
        let mut arrivals = Arrivals::new(self.shape.clone(), lasts, scenario.seed);
        let options = Options {
            log: self.log.is_some(),
            day_s: 0.0,
        };
        let begun = std::time::Instant::now();
        let outcome = run_with(&scenario, &mut arrivals, options, None);
        let took_s = begun.elapsed().as_secs_f64();
        ensure!(
            outcome.offered > 0,
            "no request is left to be counted: {} came in {} s, of which the first {} s fill the fleet; \
             a longer --seconds or a higher rate has more",
            outcome.came,
            lasts.as_secs_f64(),
            scenario.warm_up_s
        );
        println!("{}", simulate::rows_head());
        println!("{}", simulate::row("", scenario.fleet.workers, &outcome));
        tell_run(&scenario, &outcome, took_s);
        if let Some(path) = &self.log {
            let text = outcome.log.join("\n") + "\n";
            fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    fn lasts(&self) -> Duration {
        let said = self.seconds.map(Duration::from_secs_f64);
        said.or(self.shape.lasts()).unwrap_or(LASTS)
    }

    fn scenario(&self, lasts: Duration) -> anyhow::Result<Scenario> {
        let lasts_s = lasts.as_secs_f64();
        let Some(path) = &self.scenario else {
            let setup = self.fleet.setup(self.workers)?;
            let mut scenario = setup.scenario(peak(&self.shape))?;
            scenario.warm_up_s = (lasts_s / 6.0).min(5.0);
            return Ok(scenario);
        };
        let scenario = files::scenario(path)?;
        for fault in &scenario.faults {
            let at_s = fault.at_s;
            ensure!(
                at_s < lasts_s,
                "{}: a fault at {at_s} s comes after the run's {lasts_s} s",
                path.display()
            );
        }
        Ok(scenario)
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

fn tell_run(scenario: &Scenario, outcome: &Outcome, took_s: f64) {
    println!(
        "counted: {} of {} requests; those of the first {:.3} s fill the fleet",
        outcome.offered, outcome.came, scenario.warm_up_s
    );
    println!(
        "in time, within {} ms: {} of them, {:.2} %",
        scenario.slo_s * 1e3,
        outcome.in_slo,
        outcome.in_slo as f64 / outcome.offered as f64 * 100.0
    );
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
