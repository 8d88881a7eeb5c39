//! When each request is due. Decided before anything is sent, so that how the
//! service fares changes nothing about it.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::Shape;

/// Times since the start, in order, until the run is over.
#[derive(Debug)]
pub struct Arrivals {
    shape: Shape,
    lasts: Duration,
    random: SmallRng,
    sent: usize,
    last_s: f64,
}

impl Arrivals {
    pub fn new(shape: Shape, lasts: Duration, seed: u64) -> Self {
        Self {
            shape,
            lasts,
            random: SmallRng::seed_from_u64(seed),
            sent: 0,
            last_s: 0.0,
        }
    }

    /// Random times at the highest rate, of which as many are left out as makes the present one (thinning).
    fn thinned(&mut self) -> Option<f64> {
        let peak = self.shape.peak();
        while self.last_s < self.lasts.as_secs_f64() {
            // 1 - x is never 0, whose logarithm is not finite.
            self.last_s += -(1.0 - self.random.random::<f64>()).ln() / peak;
            if self.last_s >= self.lasts.as_secs_f64() {
                break;
            }
            let rate = self
                .shape
                .rate(Duration::from_secs_f64(self.last_s), self.lasts);
            if self.random.random::<f64>() * peak < rate {
                return Some(self.last_s);
            }
        }
        None
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = match &self.shape {
            Shape::Constant(rate) => Duration::from_secs_f64(self.sent as f64 / rate),
            Shape::Trace(times) => *times.get(self.sent)?,
            _ => Duration::from_secs_f64(self.thinned()?),
        };
        self.sent += 1;
        (due < self.lasts).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(shape: &str, seconds: u64) -> Vec<Duration> {
        Arrivals::new(
            shape.parse().expect("a shape"),
            Duration::from_secs(seconds),
            7,
        )
        .collect()
    }

    #[test]
    fn constant_is_even() {
        let due = arrivals("constant:4", 2);
        assert_eq!(due.len(), 8);
        assert_eq!(due[3], Duration::from_millis(750));
    }

    #[test]
    fn random_times_have_their_rate_and_the_spread_of_independent_callers() {
        let due = arrivals("poisson:1000", 100);
        // The variance of a Poisson count is its mean: 100,000 ± 5 · 316.
        assert!((98_400..101_600).contains(&due.len()), "{}", due.len());
        let mut a_second = vec![0.0; 100];
        due.iter()
            .for_each(|due| a_second[due.as_secs() as usize] += 1.0);
        let variance = a_second
            .iter()
            .map(|n: &f64| (n - 1000.0).powi(2))
            .sum::<f64>()
            / 100.0;
        assert!((400.0..2000.0).contains(&variance), "{variance}");
        assert!(due.is_sorted());
    }

    #[test]
    fn a_ramp_sends_more_and_more() {
        let due = arrivals("ramp:10..1000", 20);
        let before = due.iter().filter(|due| due.as_secs() < 10).count() as f64 / due.len() as f64;
        // The first half has (10 + 505) / (10 + 1000) / 2 of them.
        assert!((before - 0.255).abs() < 0.02, "{before}");
    }

    #[test]
    fn the_same_seed_gives_the_same_times() {
        assert_eq!(arrivals("diurnal:10..90", 5), arrivals("diurnal:10..90", 5));
    }
}
