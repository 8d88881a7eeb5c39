//! What a run is believed to cost, `image_s · n + fixed_s`, and what follows from it.

use std::time::Duration;

use crate::Sizes;

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
