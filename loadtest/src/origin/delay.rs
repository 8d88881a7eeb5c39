use std::{f64::consts::TAU, str::FromStr, time::Duration};

use rand::{RngExt, rngs::SmallRng};

/// Nobody waits longer than that, and a heavy tail has no end.
const LONGEST: Duration = Duration::from_secs(30);

/// How long a host takes to its first byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    None,
    Fixed {
        ms: f64,
    },
    /// Half of them below the median; the larger sigma, the longer the tail.
    LogNormal {
        median_ms: f64,
        sigma: f64,
    },
    /// None below the least; twice as long is 2^alpha times as rare. At 1.5 and below, single ones weigh more than all others.
    Pareto {
        least_ms: f64,
        alpha: f64,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of none, fixed:MS, lognormal:MEDIAN_MS,SIGMA and pareto:LEAST_MS,ALPHA")]
pub struct DelayError(String);

impl FromStr for Delay {
    type Err = DelayError;

    fn from_str(text: &str) -> Result<Self, DelayError> {
        let positive = |number: &str| {
            number
                .parse()
                .ok()
                .filter(|n: &f64| n.is_finite() && *n > 0.0)
        };
        let two = |rest: &str| {
            let (one, other) = rest.split_once(',')?;
            Some((positive(one)?, positive(other)?))
        };
        let read = match text.split_once(':') {
            None if text == "none" => Some(Delay::None),
            Some(("fixed", ms)) => positive(ms).map(|ms| Delay::Fixed { ms }),
            Some(("lognormal", rest)) => {
                two(rest).map(|(median_ms, sigma)| Delay::LogNormal { median_ms, sigma })
            }
            Some(("pareto", rest)) => {
                two(rest).map(|(least_ms, alpha)| Delay::Pareto { least_ms, alpha })
            }
            _ => None,
        };
        read.ok_or_else(|| DelayError(text.to_owned()))
    }
}

impl Delay {
    pub fn sample(self, random: &mut SmallRng) -> Duration {
        // Never 0, whose logarithm is not finite.
        let mut uniform = || 1.0 - random.random::<f64>();
        let ms = match self {
            Delay::None => 0.0,
            Delay::Fixed { ms } => ms,
            Delay::Pareto { least_ms, alpha } => least_ms * uniform().powf(-1.0 / alpha),
            Delay::LogNormal { median_ms, sigma } => {
                // Box and Muller's way to a normal number.
                let normal = (-2.0 * uniform().ln()).sqrt() * (TAU * uniform()).cos();
                median_ms * (sigma * normal).exp()
            }
        };
        Duration::from_secs_f64((ms / 1e3).min(LONGEST.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// The value that so large a share lies below, of many samples.
    fn below(delay: &str, share: f64) -> f64 {
        let delay = delay.parse::<Delay>().expect("a delay");
        let mut random = SmallRng::seed_from_u64(3);
        let mut samples: Vec<_> = (0..20_000)
            .map(|_| delay.sample(&mut random).as_secs_f64() * 1e3)
            .collect();
        samples.sort_by(f64::total_cmp);
        samples[(share * samples.len() as f64) as usize]
    }

    #[test]
    fn samples_have_their_distribution() {
        for (delay, share, expected) in [
            ("fixed:7", 0.9, 7.0),
            ("lognormal:80,1", 0.5, 80.0),
            // e^1.2816 times the median.
            ("lognormal:80,1", 0.9, 288.0),
            ("pareto:10,2", 0.75, 20.0),
            ("pareto:10,1", 0.9, 100.0),
        ] {
            let found = below(delay, share);
            assert!(
                (found / expected - 1.0).abs() < 0.1,
                "{delay} at {share}: {found} instead of {expected}"
            );
        }
    }

    #[test]
    fn what_is_no_delay_is_refused() {
        for wrong in [
            "",
            "fixed",
            "fixed:-1",
            "lognormal:80",
            "pareto:0,1",
            "none:1",
            "gamma:1,2",
        ] {
            assert!(wrong.parse::<Delay>().is_err(), "{wrong}");
        }
    }
}
