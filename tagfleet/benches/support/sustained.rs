//! What was met for some seconds, held for longer.

use anyhow::Context;
use loadtest::{
    cpu::Processes,
    load::{Plan, Shape, run},
    outcome::Outcome,
};

use super::{
    spent::{Parts, Spent},
    tell,
};

/// Shares of the highest rate that a search has found, tried one after the other, until one is met.
const HELD: [f64; 4] = [0.95, 0.9, 0.8, 0.7];

/// The rates to be tried, of the highest that was found.
pub fn below(highest: f64) -> Vec<f64> {
    HELD.map(|part| highest * part).to_vec()
}

/// The first of `rates` that meets the objective, or else the last, with what `parts` spent on a request meanwhile.
pub async fn sustained(
    plan: &Plan,
    rates: &[f64],
    parts: &Parts,
) -> anyhow::Result<(f64, Outcome, Spent)> {
    let mut last = None;
    for rate in rates {
        println!("sustained, at {rate:.0}/s:");
        let before = Processes::look();
        let outcome = run(
            &Plan {
                shape: Shape::Poisson(*rate),
                ..plan.clone()
            },
            |_, _| {},
        )
        .await?;
        let requests = outcome.seconds.iter().map(|second| second.offered).sum();
        let spent = parts.since(&before, &Processes::look(), requests);
        tell(&outcome);
        let met = outcome.missed().is_empty();
        last = Some((*rate, outcome, spent));
        if met {
            break;
        }
    }
    last.context("no rate to sustain")
}
