use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Args, Subcommand};
use simulation::{
    Outcome, Scenario,
    scaling::Scaling,
    scenario::{Fault, What},
    world::{Options, run_with},
};

use super::files;
use crate::{
    load::{Arrivals, Shape},
    simulate::{self, Day, Objective, Policy, Sampled, Setup},
};

#[derive(Debug, Args)]
pub struct Simulate {
    #[command(subcommand)]
    what: Asked,
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// One run, every job of it. The same seed gives the same log
    Run(Box<OneRun>),
    /// 24 hours: sampled minutes and faults job by job, the rest interpolated
    Day(Box<OneDay>),
    /// The fewest workers that meet the objective at the peak, by policy
    Fewest(Box<Fewest>),
    /// The published comparison: the old design against the fleet
    Story(Story),
}

#[derive(Clone, Debug, Args)]
struct FleetArgs {
    /// What stages cost [default: the profile that comes along]
    #[arg(long)]
    profile: Option<PathBuf>,

    /// What is asked of the fleet [default: the published load]
    #[arg(long)]
    load: Option<PathBuf>,

    /// What runs the model
    #[arg(long, default_value = "t4")]
    device: String,

    #[arg(long, default_value_t = 320)]
    workers: usize,

    /// Who decides which worker has a job
    #[arg(long, value_enum, default_value = "credit")]
    policy: Policy,

    /// Requests that would be too late are let in all the same
    #[arg(long)]
    no_admission: bool,

    /// Longest time of a good answer, milliseconds
    #[arg(long, default_value_t = 1_500.0)]
    slo_ms: f64,

    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl FleetArgs {
    fn setup(&self) -> anyhow::Result<Setup> {
        Ok(Setup {
            profile: files::profile(self.profile.as_deref())?,
            load: files::load(self.load.as_deref())?,
            device: self.device.clone(),
            policy: self.policy,
            admission: !self.no_admission,
            workers: self.workers,
            slo_s: self.slo_ms / 1e3,
            seed: self.seed,
        })
    }

    fn objective(&self) -> Objective {
        Objective {
            p99_s: self.slo_ms / 1e3,
            failed: 0.005,
        }
    }
}

#[derive(Debug, Args)]
struct OneRun {
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
    fn run(&self) -> anyhow::Result<()> {
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

#[derive(Debug, Args)]
struct OneDay {
    #[command(flatten)]
    fleet: FleetArgs,

    /// The rate over 24 hours; 2500..10000 is 540 million
    #[arg(long, default_value = "diurnal:2500..10000")]
    shape: Shape,

    /// Seconds from one sample to the next
    #[arg(long, default_value_t = 600.0)]
    every_s: f64,

    /// Seconds that are simulated of each
    #[arg(long, default_value_t = 10.0)]
    window_s: f64,

    /// One worker of `--zone` is lost with all of its zone at this hour, for ten minutes
    #[arg(long)]
    zone_loss_h: Option<f64>,

    /// So many workers are reclaimed at noon, with two minutes' warning
    #[arg(long, default_value_t = 0)]
    reclaimed: usize,

    /// Workers are scaled by the rate that is seen
    #[arg(long)]
    scaled: bool,

    /// And by a forecast
    #[arg(long, requires = "scaled")]
    foretold: bool,

    /// Requests a second that one worker is asked to do, where they are scaled
    #[arg(long, default_value_t = 700.0)]
    per_worker: f64,
}

impl OneDay {
    fn run(&self) -> anyhow::Result<()> {
        let setup = self.fleet.setup()?;
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
        tell_day(&day, &sampled, begun.elapsed().as_secs_f64());
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

fn tell_day(day: &Day, sampled: &[Sampled], took_s: f64) {
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
        "the samples together: p50 {:.0}, p99 {:.0}, p99.9 {:.0} ms",
        all.percentile_ms(50.0),
        all.percentile_ms(99.0),
        all.percentile_ms(99.9)
    );
    println!(
        "of {:.1} million requests {:.2} million were simulated job by job ({:.2} %), in {} windows; the rest is taken to be like\n\
         the window in its {:.0} minutes: {:.1} million answered, {:.1} in time, {:.3} refused",
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

#[derive(Debug, Args)]
struct Fewest {
    #[command(flatten)]
    fleet: FleetArgs,

    /// The busiest minute's requests a second
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,

    /// The day, for the hours of workers that scaling saves
    #[arg(long, default_value = "diurnal:2500..10000")]
    shape: Shape,
}

impl Fewest {
    fn run(&self) -> anyhow::Result<()> {
        let setup = self.fleet.setup()?;
        let objective = self.fleet.objective();
        let slow = Fault {
            at_s: 5.0,
            lasts_s: None,
            what: What::SlowWorker {
                worker: 0,
                times: 3.0,
            },
        };
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
            "hours of workers a day: {:.0} constant, {:.0} scaled (asked to do {:.2} of what they can), {:.0} foretold ({:.2})",
            hours.constant,
            hours.reactive,
            hours.reactive_margin,
            hours.foretold,
            hours.foretold_margin
        );
        Ok(())
    }
}

#[derive(Debug, Args)]
struct Story {
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
    fn run(&self) {
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
    }
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            Asked::Run(run) => run.run()?,
            Asked::Day(day) => day.run()?,
            Asked::Fewest(fewest) => fewest.run()?,
            Asked::Story(story) => story.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}
