//! `loadtest simulate`: fleets in virtual time.

mod day;
mod fewest;
mod run;
mod story;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use common::config::{MILLISECONDS, Whole};

use super::files;
use crate::simulate::{Objective, Policy, Setup};
use day::OneDay;
use fewest::Fewest;
use run::OneRun;
use story::Story;

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

/// More than these are no fleet that anybody runs.
const WORKERS: Whole = Whole::new(1, 100_000);

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

    /// Who decides which worker has a job
    #[arg(long, value_enum, default_value = "credit")]
    policy: Policy,

    /// Requests that would be too late are let in all the same
    #[arg(long)]
    no_admission: bool,

    /// The objective: longest time of a good answer, milliseconds
    #[arg(long, value_parser = MILLISECONDS, default_value_t = 1_500.0)]
    slo_ms: f64,

    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl FleetArgs {
    pub fn setup(&self, workers: usize) -> anyhow::Result<Setup> {
        Ok(Setup {
            profile: files::profile(self.profile.as_deref())?,
            load: files::load(self.load.as_deref())?,
            device: self.device.clone(),
            policy: self.policy,
            admission: !self.no_admission,
            workers,
            slo_s: self.slo_ms / 1e3,
            seed: self.seed,
        })
    }

    pub fn objective(&self) -> Objective {
        Objective {
            p99_s: self.slo_ms / 1e3,
            failed: 0.005,
        }
    }
}

impl Simulate {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.what {
            Asked::Run(run) => run.run()?,
            Asked::Day(day) => day.run()?,
            Asked::Fewest(fewest) => fewest.run()?,
            Asked::Story(story) => story.run()?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
