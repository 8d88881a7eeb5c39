//! A day, sampled.

use anyhow::ensure;
use clap::Args;
use common::config::{Numbers, RATE, Whole};
use simulation::{
    Outcome,
    scaling::Scaling,
    scenario::{Fault, What},
};

use super::{FleetArgs, WORKERS};
use crate::{
    load::Shape,
    simulate::{self, Day, Sampled},
};

/// A window is longer than what of it fills the fleet.
const WINDOW_S: Numbers = Numbers::new(simulate::WARM_UP_S + 1.0, simulate::DAY_S);
const HOUR: Numbers = Numbers::new(0.0, 23.99);
const RECLAIMED: Whole = Whole::new(0, 100_000);
pub const NO_DAY: &str =
    "a trace has no rate to go through a day with; diurnal:LOW..HIGH, step: and the others have";

#[derive(Debug, Args)]
pub struct OneDay {
    #[command(flatten)]
    fleet: FleetArgs,

    #[arg(long, value_parser = WORKERS, default_value_t = 320)]
    workers: usize,

    /// The rate over 24 hours; 2500..10000 is 540 million
    #[arg(long, default_value = "diurnal:2500..10000")]
    shape: Shape,

    /// Seconds from one sample to the next
    #[arg(long, value_parser = WINDOW_S, default_value_t = 600.0)]
    every_s: f64,

    /// Seconds that are simulated of each; the first four fill the fleet and are not counted
    #[arg(long, value_parser = WINDOW_S, default_value_t = 10.0)]
    window_s: f64,

    /// One zone is lost with all that is in it at this hour, 0 to 23.99, for ten minutes
    #[arg(long, value_parser = HOUR)]
    zone_loss_h: Option<f64>,

    /// So many workers are reclaimed at noon, with two minutes' warning
    #[arg(long, value_parser = RECLAIMED, default_value_t = 0)]
    reclaimed: usize,

    /// Workers are scaled by the rate that is seen
    #[arg(long)]
    scaled: bool,

    /// And by a forecast
    #[arg(long, requires = "scaled")]
    foretold: bool,

    /// Requests a second that one worker is asked to do, where they are scaled
    #[arg(long, value_parser = RATE, default_value_t = 700.0)]
    per_worker: f64,
}

impl OneDay {
    pub fn run(&self) -> anyhow::Result<()> {
        let setup = self.fleet.setup(self.workers)?;
        self.validate(setup.load.zones)?;
        let day = Day {
            setup,
            shape: self.shape.clone(),
            every_s: self.every_s,
            window_s: self.window_s,
            faults: self.faults(),
            scaling: self.scaled.then(|| self.scaling()),
        };
        let begun = std::time::Instant::now();
        let sampled = simulate::day(&day)?;
        tell_day(&day, &sampled, begun.elapsed().as_secs_f64())
    }

    /// Refuses options that make no sense together.
    fn validate(&self, zones: usize) -> anyhow::Result<()> {
        ensure!(self.shape.is_a_day(), "--shape: {NO_DAY}");
        ensure!(
            self.window_s <= self.every_s,
            "--window-s: {} s of {} s cannot be simulated; --every-s is from one sample to the next",
            self.window_s,
            self.every_s
        );
        ensure!(
            self.zone_loss_h.is_none() || zones > 1,
            "--zone-loss-h: the load has one zone, and all of the fleet is in it"
        );
        ensure!(
            self.reclaimed <= self.workers,
            "--reclaimed: {} of {} workers",
            self.reclaimed,
            self.workers
        );
        Ok(())
    }

    fn scaling(&self) -> Scaling {
        let usual = Scaling::default();
        Scaling {
            per_worker: self.per_worker,
            forecast_s: if self.foretold {
                usual.node_s + 30.0
            } else {
                0.0
            },
            ..usual
        }
    }

    fn faults(&self) -> Vec<Fault> {
        let zone = self.zone_loss_h.map(|hour| Fault {
            at_s: hour * 3_600.0,
            lasts_s: Some(600.0),
            what: What::ZoneLoss { zone: 1 },
        });
        let reclaimed = (self.reclaimed > 0).then_some(Fault {
            at_s: 12.0 * 3_600.0,
            lasts_s: None,
            what: What::WorkerLoss {
                count: self.reclaimed,
                warning_s: 120.0,
            },
        });
        zone.into_iter().chain(reclaimed).collect()
    }
}

fn tell_day(day: &Day, sampled: &[Sampled], took_s: f64) -> anyhow::Result<()> {
    ensure!(
        sampled.iter().any(|one| one.outcome.offered > 0),
        "no request is left to be counted: at such a rate none came in the windows; a longer --window-s has more"
    );
    tell_windows(day, sampled);
    tell_sum(day, sampled, took_s);
    Ok(())
}

fn tell_windows(day: &Day, sampled: &[Sampled]) {
    println!("{}", simulate::rows_head());
    for one in sampled {
        let minute = (one.begins_s / 60.0) as u32;
        let is_hour = minute.is_multiple_of(120) || minute % 120 < (day.every_s / 60.0) as u32;
        if !is_hour && !one.has_fault {
            continue;
        }
        let what = if one.has_fault { ", fault" } else { "" };
        let name = format!("{:02}:{:02}{what}", minute / 60, minute % 60);
        println!("{}", simulate::row(&name, one.workers, &one.outcome));
    }
}

fn tell_sum(day: &Day, sampled: &[Sampled], took_s: f64) {
    let mut all = Outcome::default();
    let mut whole = [0.0; 3];
    for one in sampled {
        all.add(&one.outcome);
        let times = one.stands_for / one.outcome.offered.max(1) as f64;
        whole[0] += one.outcome.good() as f64 * times;
        whole[1] += one.outcome.refused as f64 * times;
        whole[2] += one.outcome.in_slo as f64 * times;
    }
    let jobs = day.jobs();
    println!(
        "the samples together, without the first {} s of each, which fill the fleet: p50 {:.0}, p99 {:.0}, p99.9 {:.0} ms",
        simulate::WARM_UP_S,
        all.percentile_ms(50.0),
        all.percentile_ms(99.0),
        all.percentile_ms(99.9)
    );
    println!(
        "of {:.1} million requests {:.2} million were simulated job by job ({:.2} %), in {} windows; the rest is taken to be like\n\
         the window in its {:.1} minutes: {:.1} million answered, {:.1} in time, {:.3} refused",
        jobs / 1e6,
        all.came as f64 / 1e6,
        all.came as f64 / jobs * 100.0,
        sampled.len(),
        day.every_s / 60.0,
        whole[0] / 1e6,
        whole[2] / 1e6,
        whole[1] / 1e6
    );
    println!(
        "RESULT simulated_s={took_s:.1} jobs={:.0} by_job={} p50_ms={:.1} p99_ms={:.1} digest={:016x}",
        jobs,
        all.came,
        all.percentile_ms(50.0),
        all.percentile_ms(99.0),
        all.digest
    );
}
