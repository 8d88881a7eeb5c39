//! How often somebody may ask: so many times on average, and so many at once.

use std::{num::NonZeroU32, time::Duration};

use common::bus::Bucket;

/// Rates beyond these are slips of the pen, and would overflow the limiter's clock.
const PER_SECOND: std::ops::RangeInclusive<f64> = 0.001..=1e6;
const MAX_BURST: u32 = 1_000_000;
const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: NonZeroU32,
    is_daily: bool,
}

impl Rate {
    /// `burst`: as many as in one second, if absent.
    pub fn new(per_second: f64, burst: Option<u32>) -> Result<Self, &'static str> {
        if !PER_SECOND.contains(&per_second) {
            return Err("requests_per_second must be 0.001 to 1000000");
        }
        let burst = NonZeroU32::new(burst.unwrap_or(per_second.ceil() as u32))
            .filter(|n| n.get() <= MAX_BURST);
        Ok(Self {
            per_second,
            burst: burst.ok_or("burst must be 1 to 1000000")?,
            is_daily: false,
        })
    }

    /// So many from midnight to midnight (UTC), which may come all at once.
    pub fn daily(most: NonZeroU32) -> Self {
        Self {
            per_second: f64::from(most.get()) / DAY.as_secs_f64(),
            burst: most,
            is_daily: true,
        }
    }

    pub fn bucket(&self) -> Bucket {
        if self.is_daily {
            return Bucket::daily(self.burst.get());
        }
        Bucket {
            every_us: self.every().as_micros().max(1) as u64,
            burst: self.burst.get(),
            is_daily: false,
        }
    }

    pub fn every(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }

    pub fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// The whole seconds in which a spent burst is back, and the requests that they allow.
    pub fn window(&self) -> (u64, u64) {
        let seconds = (f64::from(self.burst.get()) / self.per_second - 1e-6)
            .ceil()
            .max(1.0);
        (seconds as u64, (self.per_second * seconds + 1e-6) as u64)
    }

    /// Until one request more is allowed, at the most.
    pub fn next_s(&self) -> u64 {
        (1.0 / self.per_second).ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_whole_seconds_and_never_promise_more_than_the_rate() {
        for (per_second, burst, window) in [
            (50.0, None, (1, 50)),
            (50.0, Some(5), (1, 50)),
            (50.0, Some(100), (2, 100)),
            (30.0, Some(100), (4, 120)),
            (0.5, Some(10), (20, 10)),
            (0.1, None, (10, 1)),
            (1.5, Some(1), (1, 1)),
        ] {
            let rate = Rate::new(per_second, burst).expect("a rate");
            assert_eq!(rate.window(), window, "{per_second}, {burst:?}");
        }
        for (per_second, burst) in [
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1.0, Some(0)),
        ] {
            let rate = Rate::new(per_second, burst);
            assert!(rate.is_err(), "{per_second}, {burst:?}");
        }
    }

    #[test]
    fn a_day_has_86_400_seconds() {
        for most in [1, 7, 1_000, 1_000_000] {
            let rate = Rate::daily(NonZeroU32::new(most).expect("some"));
            assert_eq!(rate.window(), (86_400, most.into()), "{most}");
        }
    }
}
