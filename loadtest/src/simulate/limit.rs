//! The highest rate at which something meets an objective.

use simulation::Outcome;

use super::Objective;

/// Nearer than this two rates are one.
const PRECISION: f64 = 0.02;

/// Searches from `from` on. `at` simulates a rate.
pub fn highest(from: f64, objective: Objective, mut at: impl FnMut(f64) -> Outcome) -> f64 {
    let mut met = 0.0;
    let mut rate = from;
    let mut missed = f64::INFINITY;
    while rate > from / 1e3 && rate < from * 1e4 {
        if objective.is_met(&at(rate)) {
            met = rate;
        } else {
            missed = rate;
        }
        if met > 0.0 && missed / met < 1.0 + PRECISION {
            break;
        }
        rate = match (met > 0.0, missed.is_finite()) {
            (true, true) => (met * missed).sqrt(),
            (true, false) => met * 2.0,
            (false, _) => missed / 2.0,
        };
    }
    met
}
