//! The sums that a line through runs is fitted to.

use super::fit::Fit;

/// Weighted sums of 1, n, n², seconds and n · seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    one: f64,
    n: f64,
    nn: f64,
    s: f64,
    ns: f64,
}

impl Sums {
    pub fn add(&mut self, n: f64, seconds: f64, weight: f64) {
        self.one += weight;
        self.n += weight * n;
        self.nn += weight * n * n;
        self.s += weight * seconds;
        self.ns += weight * n * seconds;
    }

    pub fn fade(&mut self, by: f64) {
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

    pub fn with(&self, other: &Sums) -> Sums {
        Sums {
            one: self.one + other.one,
            n: self.n + other.n,
            nn: self.nn + other.nn,
            s: self.s + other.s,
            ns: self.ns + other.ns,
        }
    }

    /// Fits both parts. Neither is negative: a cost that seems to be is noise, and the other part bears all.
    pub fn fit(&self) -> Fit {
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
