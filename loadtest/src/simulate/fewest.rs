//! The fewest workers that meet an objective, and the highest rate that a fleet meets it at.

use std::time::Duration;

use simulation::{Outcome, run, scenario::Fault};

use super::{Policy, Setup};
use crate::load::{Arrivals, Shape};

/// How long the window is that is looked at, seconds; the first of them are not counted.
const WINDOW_S: f64 = 20.0;
const WARM_UP_S: f64 = 6.0;
/// Nobody needs more.
const MOST: usize = 4_096;

#[derive(Clone, Copy, Debug)]
pub struct Objective {
    pub p99_s: f64,
    pub failed: f64,
}

/// Says of what a number of workers is judged.
pub fn counted() -> String {
    format!(
        "each line: {WINDOW_S} s at the rate, of which the first {WARM_UP_S} s fill the fleet and are not counted"
    )
}

impl Objective {
    pub fn is_met(&self, outcome: &Outcome) -> bool {
        let answered = outcome.good() > 0;
        answered
            && outcome.percentile_ms(99.0) <= self.p99_s * 1e3
            && outcome.failed_share() <= self.failed
    }
}

/// Returns the fewest workers with which the peak meets the objective, and what that looks like. `faults` happen in the
/// window.
pub fn fewest(
    setup: &Setup,
    policy: Policy,
    rate: f64,
    objective: Objective,
    faults: &[Fault],
) -> anyhow::Result<(usize, Outcome)> {
    let mut setup = Setup {
        policy,
        ..setup.clone()
    };
    let mut probe = |workers: usize| -> anyhow::Result<Outcome> {
        setup.workers = workers;
        window(&setup, rate, faults)
    };
    let mut enough = 1;
    let mut found = probe(enough)?;
    while !objective.is_met(&found) {
        anyhow::ensure!(enough < MOST, "{MOST} workers do not meet the objective");
        enough *= 2;
        found = probe(enough)?;
    }
    let mut few = enough / 2;
    while enough - few > 1 {
        let middle = (few + enough) / 2;
        let outcome = probe(middle)?;
        if objective.is_met(&outcome) {
            enough = middle;
            found = outcome;
        } else {
            few = middle;
        }
    }
    Ok((enough, found))
}

/// Runs the busiest minute's first seconds.
fn window(setup: &Setup, rate: f64, faults: &[Fault]) -> anyhow::Result<Outcome> {
    let mut scenario = setup.scenario(rate)?;
    scenario.warm_up_s = WARM_UP_S;
    scenario.faults = faults.to_vec();
    let lasts = Duration::from_secs_f64(WINDOW_S);
    let mut arrivals = Arrivals::new(Shape::Poisson(rate), lasts, setup.seed);
    Ok(run(&scenario, &mut arrivals))
}
