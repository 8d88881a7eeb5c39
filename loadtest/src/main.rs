//! `loadtest`: load for a Tagfleet under test.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use loadtest::command::{Find, Gather, Origin, Plan, Profile, Report, Run, Simulate};

/// Load for a Tagfleet under test
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send requests at a given rate, whatever comes back. Exit code 0: the objective was met, 1: it was not
    Run(Box<Run>),
    /// Find the highest rate at which the objective is met. Exit code 1: there is none
    Find(Box<Find>),
    /// Start several generators together (`run --join`) and add up what they found
    Gather(Gather),
    /// Serve photos, as slowly and unreliably as the internet does
    Origin(Origin),
    /// Make one HTML page, with plots, of results that were kept as JSON
    Report(Report),
    /// Measure what the stages of this machine cost, of a fleet that runs
    Profile(Box<Profile>),
    /// From what stages cost to machines and a bill. Exit code 1: no fleet of one queue can do it
    Plan(Plan),
    /// A fleet in virtual time
    Simulate(Simulate),
}

/// One thread: the generator is to leave the others to what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Run(run) => run.run().await,
        Command::Find(find) => find.run().await,
        Command::Gather(gather) => gather.run().await,
        Command::Origin(origin) => origin.run().await,
        Command::Report(report) => report.run(),
        Command::Profile(profile) => profile.run().await,
        Command::Plan(plan) => plan.run(),
        Command::Simulate(simulate) => simulate.run(),
    }
}
