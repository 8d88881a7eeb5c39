//! The highest rate at which the objective is met.

use std::time::Duration;

use crate::{
    load::{Plan, Shape, run},
    outcome::Outcome,
};

/// Between two runs, for what is left of the first to pass.
const PAUSE: Duration = Duration::from_secs(1);
/// Fewer answers than this tell little of a 99th percentile.
const LEAST_ANSWERS: f64 = 500.0;
/// A run at a low rate is not stretched beyond so many times its length for them.
const MOST_STRETCH: f64 = 3.0;

#[derive(Clone, Copy, Debug)]
pub struct Search {
    pub from: f64,
    pub up_to: f64,
    /// 0.05: within 5 %.
    pub precision: f64,
    /// A rate has failed when it failed so often in a row, once at least.
    pub tries: usize,
}

#[derive(Debug, Default)]
pub struct Found {
    /// In the order of their making; where any met the objective, the best one is the last.
    pub runs: Vec<Outcome>,
    met: bool,
}

impl Found {
    pub fn best(&self) -> Option<&Outcome> {
        self.runs.last().filter(|_| self.met)
    }
}

/// Doubles (or halves) the rate until the limit lies between two, then halves the gap.
/// `tell` hears of every run.
pub async fn find(plan: &Plan, search: Search, tell: impl Fn(&Outcome)) -> anyhow::Result<Found> {
    let mut bounds = Bounds::new(search);
    let mut runs = Vec::new();
    let mut best = None;
    while let Some(rate) = bounds.next() {
        let mut met = false;
        let mut tries = 0;
        while !met && tries < search.tries {
            tokio::time::sleep(PAUSE).await;
            let outcome = run(&at_rate(plan, rate), |_, _| {}).await?;
            tell(&outcome);
            met = outcome.missed().is_empty();
            tries += 1;
            runs.extend(if met {
                best.replace(outcome)
            } else {
                Some(outcome)
            });
        }
        bounds.learn(rate, met);
    }
    let met = best.is_some();
    runs.extend(best);
    Ok(Found { runs, met })
}

/// With time for enough answers.
fn at_rate(plan: &Plan, rate: f64) -> Plan {
    let rate = (rate * 10.0).round() / 10.0;
    let counted = (plan.lasts - plan.warm_up).as_secs_f64();
    let enough = (LEAST_ANSWERS / rate).min(counted * MOST_STRETCH);
    let lasts = plan.warm_up + Duration::from_secs_f64(counted.max(enough));
    Plan {
        shape: Shape::Poisson(rate),
        lasts,
        ..plan.clone()
    }
}

/// What is known of the limit.
#[derive(Debug)]
struct Bounds {
    search: Search,
    met: Option<f64>,
    missed: Option<f64>,
}

/// Below this part of the first rate nothing is looked for.
const LEAST_PART: f64 = 1.0 / 64.0;

impl Bounds {
    fn new(search: Search) -> Self {
        Self {
            search,
            met: None,
            missed: None,
        }
    }

    fn next(&self) -> Option<f64> {
        let Search {
            from,
            up_to,
            precision,
            ..
        } = self.search;
        match (self.met, self.missed) {
            (None, None) => Some(from.min(up_to)),
            (None, Some(missed)) => Some(missed / 2.0).filter(|rate| *rate >= from * LEAST_PART),
            (Some(met), None) => Some((met * 2.0).min(up_to)).filter(|rate| *rate > met),
            // The middle of their logarithms: the same precision at every rate.
            (Some(met), Some(missed)) => {
                (missed / met > 1.0 + precision).then(|| (met * missed).sqrt())
            }
        }
    }

    fn learn(&mut self, rate: f64, met: bool) {
        *(if met { &mut self.met } else { &mut self.missed }) = Some(rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the search ends with where the objective is met up to `limit`, and the runs that it took.
    fn search(from: f64, up_to: f64, limit: f64) -> (Option<f64>, usize) {
        let mut bounds = Bounds::new(Search {
            from,
            up_to,
            precision: 0.05,
            tries: 1,
        });
        let mut runs = 0;
        while let Some(rate) = bounds.next() {
            bounds.learn(rate, rate <= limit);
            runs += 1;
        }
        (bounds.met, runs)
    }

    #[test]
    fn the_limit_is_found_from_either_side() {
        for (from, limit) in [(10.0, 700.0), (5000.0, 700.0), (700.0, 700.0), (10.0, 11.0)] {
            let (found, runs) = search(from, 1e5, limit);
            let found = found.expect("there is one");
            assert!(
                found <= limit && found > limit / 1.06,
                "from {from}: {found} for {limit}"
            );
            assert!(runs <= 12, "{runs} runs");
        }
    }

    #[test]
    fn what_has_no_limit_ends_at_the_highest_rate_and_what_is_dead_at_once() {
        assert_eq!(search(10.0, 100.0, 1e9).0, Some(100.0));
        let (found, runs) = search(64.0, 1e5, 0.0);
        assert_eq!((found, runs), (None, 7));
    }
}
