//! The fewest workers that do, by policy.

use anyhow::ensure;
use clap::Args;
use common::config::Numbers;
use simulation::{
    scaling::Scaling,
    scenario::{Fault, What},
};

use super::{FleetArgs, day::NO_DAY};
use crate::{
    load::Shape,
    simulate::{self, Objective, Policy, Scaled, Setup},
};

/// In a window of seconds, fewer requests would tell nothing.
const RATE: Numbers = Numbers::new(1.0, 1e7);
/// Whoever looks for the fewest begins with one.
const FIRST: usize = 1;

#[derive(Debug, Args)]
pub struct Fewest {
    #[command(flatten)]
    fleet: FleetArgs,

    /// The busiest minute's requests a second
    #[arg(long, value_parser = RATE, default_value_t = 10_000.0)]
    rate: f64,

    /// The day, for the hours of workers that scaling saves
    #[arg(long, default_value = "diurnal:2500..10000")]
    shape: Shape,
}

impl Fewest {
    pub fn run(&self) -> anyhow::Result<()> {
        ensure!(self.shape.is_a_day(), "--shape: {NO_DAY}");
        let setup = self.fleet.setup(FIRST)?;
        let objective = self.fleet.objective();
        let slow = Fault {
            at_s: 5.0,
            lasts_s: None,
            what: What::SlowWorker {
                worker: 0,
                times: 3.0,
            },
        };
        println!("{}", simulate::fewest_counted());
        println!("{}", simulate::rows_head());
        for (admission, faults, what) in [
            (true, &[][..], ""),
            (false, &[][..], ", no admission"),
            (
                true,
                std::slice::from_ref(&slow),
                ", one three times as slow",
            ),
        ] {
            for policy in Policy::ALL {
                let setup = Setup {
                    admission,
                    ..setup.clone()
                };
                let (workers, outcome) =
                    simulate::fewest(&setup, policy, self.rate, objective, faults)?;
                let name = format!("{}{what}", policy.name());
                println!("{}", simulate::row(&name, workers, &outcome));
            }
        }
        self.zones(&setup, objective)?;
        self.hours(&setup, objective)
    }

    /// Two zones of three have to do it all.
    fn zones(&self, setup: &Setup, objective: Objective) -> anyhow::Result<()> {
        let zones = setup.load.zones;
        let (workers, _) = simulate::fewest(setup, setup.policy, self.rate, objective, &[])?;
        let needed = (workers as f64 * setup.load.spare()).ceil();
        println!(
            "with one of {zones} zones lost at the peak: {needed:.0} workers, of which {workers} are left"
        );
        Ok(())
    }

    fn hours(&self, setup: &Setup, objective: Objective) -> anyhow::Result<()> {
        let (workers, _) = simulate::fewest(setup, setup.policy, self.rate, objective, &[])?;
        let per_worker = self.rate / workers as f64;
        let hours = simulate::hours(
            &self.shape,
            per_worker,
            &Scaling {
                least: 1,
                ..Scaling::default()
            },
        );
        println!(
            "hours of workers a day: {:.0} constant; scaled: {}; foretold: {}",
            hours.constant,
            scaled(hours.reactive),
            scaled(hours.foretold)
        );
        Ok(())
    }
}

fn scaled(found: Option<Scaled>) -> String {
    match found {
        Some(Scaled { hours, margin }) => {
            format!("{hours:.0} (asked to do {margin:.2} of what they can)")
        }
        None => "there would be too few at times, whatever the margin".to_owned(),
    }
}
