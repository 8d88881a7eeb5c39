//! What a batch of `n` images costs an engine, learnt from the batches that it
//! ran: `image_s · n + fixed_s`.

use std::time::Duration;

use crate::engine::Sizes;

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

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fit {
    pub fixed_s: f64,
    pub image_s: f64,
}

impl Fit {
    pub fn seconds(&self, n: usize) -> f64 {
        self.fixed_s + self.image_s * n as f64
    }

    /// Returns what a run of `n` images takes, padded as `sizes` has it.
    pub fn run(&self, sizes: Sizes, n: usize) -> Duration {
        seconds(self.seconds(sizes.run(n)))
    }

    /// Returns the longest gap to the next image for which a batch of `n` gains by
    /// waiting, in sum over all images. The other engines are busy for `free`.
    ///
    /// Say that the gap is `g`. If it is not waited for, the next image starts
    /// when the first engine is free, this one or another, so after `free - g`,
    /// and runs alone. If it is, it runs at once, but among `n` more, and so it
    /// gains `free - g - n · image_s`. Each of the `n` is done later by
    /// `g + image_s`. In sum that is a gain for any `g` below what is answered.
    pub fn worth(&self, n: usize, free: Duration) -> Option<Duration> {
        let images_s = self.image_s * n as f64;
        let free_s = free.as_secs_f64().min(self.seconds(n));
        let worth_s = (free_s - 2.0 * images_s) / (n as f64 + 1.0);
        (worth_s > 0.0).then(|| seconds(worth_s))
    }

    /// Returns how many images a batch holds by itself when nobody waits for company and
    /// one comes every `gap_s`: as many come during a run of it. Infinite where
    /// the engines do not keep up.
    pub fn natural_batch(&self, gap_s: f64, engines: usize) -> f64 {
        let spare_s = gap_s * engines as f64 - self.image_s;
        if spare_s > 0.0 {
            self.fixed_s / spare_s
        } else {
            f64::INFINITY
        }
    }

    /// Returns the part of the engines' time that the images alone take, however they are batched.
    pub fn least_load(&self, gap_s: f64, engines: usize) -> f64 {
        self.image_s / (gap_s * engines as f64)
    }
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
}

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

/// Weighted sums of 1, n, n², seconds and n · seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    one: f64,
    n: f64,
    nn: f64,
    s: f64,
    ns: f64,
}

impl Sums {
    fn add(&mut self, n: f64, seconds: f64, weight: f64) {
        self.one += weight;
        self.n += weight * n;
        self.nn += weight * n * n;
        self.s += weight * seconds;
        self.ns += weight * n * seconds;
    }

    fn fade(&mut self, by: f64) {
        for sum in [
            &mut self.one,
            &mut self.n,
            &mut self.nn,
            &mut self.s,
            &mut self.ns,
        ] {
            *sum *= by;
        }
    }

    fn with(&self, other: &Sums) -> Sums {
        Sums {
            one: self.one + other.one,
            n: self.n + other.n,
            nn: self.nn + other.nn,
            s: self.s + other.s,
            ns: self.ns + other.ns,
        }
    }

    /// Fits both parts. Neither is negative: a cost that seems to be is noise, and the other part bears all.
    fn fit(&self) -> Fit {
        let spread = self.one * self.nn - self.n * self.n;
        if self.one == 0.0 {
            return Fit::default();
        }
        // All of one size: nothing tells the parts apart, and waiting is the riskier belief.
        if spread <= 1e-9 * self.one * self.nn {
            return Fit {
                fixed_s: 0.0,
                image_s: self.ns / self.nn,
            };
        }
        let image_s = (self.one * self.ns - self.n * self.s) / spread;
        let fixed_s = (self.s - image_s * self.n) / self.one;
        match (fixed_s < 0.0, image_s < 0.0) {
            (true, _) => Fit {
                fixed_s: 0.0,
                image_s: self.ns / self.nn,
            },
            (_, true) => Fit {
                fixed_s: self.s / self.one,
                image_s: 0.0,
            },
            _ => Fit { fixed_s, image_s },
        }
    }
}

#[cfg(test)]
mod tests {
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
