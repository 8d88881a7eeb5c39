//! Random draws from a seed.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

#[derive(Debug)]
pub struct Chance {
    random: SmallRng,
}

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// 0 to 1, without 1.
    pub fn part(&mut self) -> f64 {
        self.random.random()
    }

    pub fn happens(&mut self, chance: f64) -> bool {
        self.part() < chance
    }

    pub fn below(&mut self, count: usize) -> usize {
        ((self.part() * count as f64) as usize).min(count.saturating_sub(1))
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -(1.0 - self.part()).ln() * mean
    }

    /// By the method of Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.part()).ln()).sqrt();
        radius * (TAU * self.part()).cos()
    }

    /// `sigma`: the standard deviation of its logarithm.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(mut draw: impl FnMut() -> f64) -> f64 {
        const DRAWS: usize = 200_000;
        (0..DRAWS).map(|_| draw()).sum::<f64>() / DRAWS as f64
    }

    #[test]
    fn draws_have_their_means() {
        let mut chance = Chance::seeded(7);
        assert!((mean(|| chance.exponential(3.0)) - 3.0).abs() < 0.05);
        // The mean of a lognormal is median · exp(sigma² / 2).
        let expected = 2.0 * 0.5f64.exp();
        assert!((mean(|| chance.lognormal(2.0, 1.0)) - expected).abs() < 0.1);
        assert!((mean(|| chance.below(10) as f64) - 4.5).abs() < 0.05);
    }
}
