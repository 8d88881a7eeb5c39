//! The simulator beside the fleet: the same cases for real on this machine, with fake engines, and in virtual time. What the
//! machine adds to a request is fitted on some cases; the others judge. Both sides get the very same arrivals.
//!
//! `SIMULATION_SECONDS` (15) is the length of a case. `SIMULATION_CASES` names those that are run, as a part of their names.
//! `TAGFLEET_BENCH_BINARY` names another build of Tagfleet.

mod case;
mod fit;
mod judge;
mod model;
mod stand;
#[path = "../support/mod.rs"]
mod support;

use anyhow::ensure;
use testing::bench::report;

use case::{CASES, Case};
use fit::Machine;
use judge::Judged;
use stand::{Brokers, Measured};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let wanted = std::env::var("SIMULATION_CASES").unwrap_or_default();
    let brokers = Brokers::start().await;
    let mut measured: Vec<(&Case, Measured)> = Vec::new();
    for case in CASES.iter().filter(|case| case.name.contains(&wanted)) {
        let outcome = stand::run(case, &brokers).await?;
        judge::tell_real(case, &outcome);
        measured.push((case, outcome));
    }
    let machine = Machine::fit(&measured)?;
    println!("\nfitted: {machine}");
    conclude(&machine, &measured)
}

fn conclude(machine: &Machine, measured: &[(&Case, Measured)]) -> anyhow::Result<()> {
    Judged::head();
    let mut judged = Vec::new();
    for (case, real) in measured {
        let simulated = model::simulate(case, machine);
        let row = Judged::new(case, real, &simulated);
        row.tell();
        if !case.fits {
            judged.push(row);
        }
    }
    ensure!(!judged.is_empty(), "no case judges");
    Ok(report("simulation", &judge::figures(&judged))?)
}
