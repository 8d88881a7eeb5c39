//! What a batch of `n` images costs an engine, learnt from the batches that it
//! ran: `image_s · n + fixed_s`.

use super::{fit::Fit, sums::Sums};

/// What the weight of a run has shrunk to once the next one is seen: some fifty count.
const MEMORY: f64 = 0.98;

/// A run counts as no more than so many times what was expected, and no less
/// than that part of it: one run that the system interrupted shall not make
/// batches wait. A cost that did change is followed all the same, in some steps.
const SURPRISE: f64 = 2.0;

/// Weight of the warm-up's runs against a run of now. They keep the two parts
/// apart where all batches are of one size, and fade from the fit otherwise.
const ANCHOR: f64 = 0.5;

/// Below this no clock is exact enough to tell two runs apart.
const LEAST_S: f64 = 1e-6;

/// Least squares over runs that fade with age. Errors count relative to what
/// was expected: a run of twice the time may be off by twice as much.
#[derive(Debug, Default)]
pub struct Cost {
    runs: Sums,
    anchors: Sums,
    fit: Fit,
}

impl Cost {
    /// Begins with the runs of the warm-up, the smallest batch first.
    pub fn new(anchors: &[(usize, f64)]) -> Self {
        let mut cost = Self::default();
        for (n, seconds) in anchors {
            let relative = anchors[0].1.max(LEAST_S) / seconds.max(LEAST_S);
            cost.anchors
                .add(*n as f64, *seconds, ANCHOR * relative * relative);
        }
        cost.fit = cost.anchors.fit();
        cost
    }

    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Learns from a run.
    pub fn seen(&mut self, n: usize, seconds: f64) {
        let mut expected = seconds;
        let mut relative = 1.0;
        if self.fit.seconds(n) > LEAST_S {
            expected = self.fit.seconds(n);
            relative = self.fit.seconds(1) / expected;
        }
        let seconds = seconds.clamp(expected / SURPRISE, expected * SURPRISE);
        self.runs.fade(MEMORY);
        self.runs.add(n as f64, seconds, relative * relative);
        self.fit = self.runs.with(&self.anchors).fit();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn close(actual: f64, expected: f64, off_by: f64) {
        assert!(
            (actual - expected).abs() <= off_by * expected.abs().max(1e-9),
            "{actual} is not {expected}"
        );
    }

    /// No other engine is free for ages.
    const LONG: Duration = Duration::from_secs(60);

    /// Noise of ±10 %, the same in every run.
    fn noise(i: usize) -> f64 {
        1.0 + 0.1 * ((i * 7_919 % 201) as f64 / 100.0 - 1.0)
    }

    #[test]
    fn both_parts_are_found_through_noise() {
        let mut cost = Cost::new(&[(1, 0.005), (64, 0.02)]);
        (0..500).for_each(|i| {
            cost.seen(
                1 + i * 31 % 64,
                (0.003 + 0.0001 * (1 + i * 31 % 64) as f64) * noise(i),
            )
        });
        close(cost.fit().fixed_s, 0.003, 0.1);
        close(cost.fit().image_s, 0.0001, 0.1);
    }

    #[test]
    fn a_single_interrupted_run_changes_little_and_a_new_cost_is_followed() {
        let mut cost = Cost::new(&[(1, 0.005), (4, 0.02)]);
        (0..100).for_each(|i| cost.seen(1 + i % 4, 0.005 * (1 + i % 4) as f64));
        cost.seen(1, 10.0);
        close(cost.fit().seconds(1), 0.005, 0.1);
        assert_eq!(
            cost.fit().worth(1, LONG),
            None,
            "one outlier makes nobody wait: {:?}",
            cost.fit()
        );
        (0..400).for_each(|i| cost.seen(1 + i % 4, 0.05 * (1 + i % 4) as f64));
        close(cost.fit().seconds(4), 0.2, 0.1);
    }

    #[test]
    fn one_size_alone_keeps_the_parts_that_the_warm_up_found() {
        let mut cost = Cost::new(&[(1, 0.0031), (64, 0.0094)]);
        (0..1_000).for_each(|i| cost.seen(8, 0.0038 * noise(i)));
        close(cost.fit().seconds(8), 0.0038, 0.05);
        close(cost.fit().fixed_s, 0.003, 0.2);
        let mut unknown = Cost::default();
        unknown.seen(4, 0.02);
        assert_eq!(
            unknown.fit(),
            Fit {
                fixed_s: 0.0,
                image_s: 0.005
            }
        );
    }

    #[test]
    fn waiting_is_worth_something_only_where_a_run_has_a_price_of_its_own() {
        let cpu = Fit {
            fixed_s: 0.0003,
            image_s: 0.005,
        };
        assert!((1..=64).all(|n| cpu.worth(n, LONG).is_none()));
        let gpu = Fit {
            fixed_s: 0.003,
            image_s: 0.00005,
        };
        assert!(
            gpu.worth(1, LONG) > Some(Duration::from_millis(1))
                && gpu.worth(8, LONG) < gpu.worth(1, LONG)
        );
        assert_eq!(
            gpu.worth(64, LONG),
            None,
            "a batch that is long already gains nothing more"
        );
        assert_eq!(
            gpu.worth(1, Duration::ZERO),
            None,
            "another engine is about to be free"
        );
    }

    #[test]
    fn the_fit_is_never_negative() {
        let falling = Cost::new(&[(1, 0.01), (8, 0.004)]);
        assert!(falling.fit().fixed_s > 0.0 && falling.fit().image_s == 0.0);
        let steep = Cost::new(&[(1, 0.001), (8, 0.1)]);
        assert!(steep.fit().fixed_s == 0.0 && steep.fit().image_s > 0.0);
    }
}
