//! The simulator beside the fleet: the same cases for real on this machine, with fake engines, and in virtual time. What the
//! machine adds to a request is fitted on some cases; the others judge. Both sides get the very same arrivals.
//!
//! `SIMULATION_SECONDS` (12) is the length of a case, `SIMULATION_ROUNDS` (3) how often each is run; the median counts.
//! `SIMULATION_CASES` names those that are run, as a part of their names. `TAGFLEET_BENCH_BINARY` names another build of Tagfleet.

mod case;
mod fit;
mod judge;
mod model;
mod rounds;
mod stand;
#[path = "../support/mod.rs"]
mod support;

use anyhow::ensure;
use testing::bench::report;

use case::{CASES, Case};
use fit::Machine;
use judge::Judged;
use rounds::Real;
use stand::Measured;
use support::{brokers::Brokers, from_environment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let wanted = std::env::var("SIMULATION_CASES").unwrap_or_default();
    let cases = CASES.iter().filter(|case| case.name.contains(&wanted));
    let mut measured: Vec<(&Case, Vec<Measured>)> = cases.map(|case| (case, Vec::new())).collect();
    let brokers = Brokers::start().await;
    for round in 0..from_environment("SIMULATION_ROUNDS", 3) {
        for (case, rounds) in &mut measured {
            let outcome = stand::run(case, &brokers).await?;
            rounds::tell(case, round, &outcome);
            rounds.push(outcome);
        }
    }
    let measured: Vec<(&Case, Real)> = measured
        .iter()
        .map(|(case, rounds)| (*case, Real::of(rounds)))
        .collect();
    let machine = Machine::fit(&measured)?;
    println!("\nfitted: {machine}");
    conclude(&machine, &measured)
}

fn conclude(machine: &Machine, measured: &[(&Case, Real)]) -> anyhow::Result<()> {
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
