//! Requests that a fleet allows: so many on average, and so many at once. It is the generic cell rate algorithm, which keeps one
//! number a bucket: the theoretical arrival time, when the bucket would be full again.

use std::time::Duration;

/// So often something may be taken on average, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Between two, microseconds; at least 1.
    pub every_us: u64,
    pub burst: u32,
    /// Whether it is filled as each day begins (UTC), and never in between.
    pub is_daily: bool,
}

/// What was taken out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// None where the bucket is empty.
    pub granted: u32,
    /// What is left for everybody.
    pub left: u32,
    /// How long until there is one more; nothing where some are left. What others ask for at this moment counts, though they
    /// may give it back.
    pub wait: Duration,
}

/// A taker gets no more than a part of what is left, but for the last ones: many servers take from one bucket, and what one
/// of them does not use is lost to the others.
const SHARE: u64 = 4;
const DAY_US: u64 = 86_400_000_000;

impl Bucket {
    /// Returns so many a day, at whatever hours.
    pub fn daily(most: u32) -> Self {
        Self {
            every_us: 1,
            burst: most,
            is_daily: true,
        }
    }

    /// Returns the time that a bucket goes by. A day's stands still until the next one begins, so nothing comes back before.
    pub fn time_us(&self, now_us: u64) -> u64 {
        match self.is_daily {
            true => now_us - now_us % DAY_US,
            false => now_us,
        }
    }

    /// Returns when what is kept of the bucket is of no use any more.
    pub fn ends_us(&self, full_at_us: u64, now_us: u64) -> u64 {
        match self.is_daily {
            true => self.time_us(now_us) + DAY_US,
            false => full_at_us,
        }
    }

    /// Returns under what the bucket is kept. Each day has its own, whatever a clock says that is a moment late.
    pub fn name(&self, key: &str, now_us: u64) -> String {
        match self.is_daily {
            true => format!("{key}:{}", now_us / DAY_US),
            false => key.to_owned(),
        }
    }

    /// Takes `most` at the most. `full_at_us`: what is kept of the bucket.
    pub fn take(&self, full_at_us: &mut u64, now_us: u64, most: u32) -> Taken {
        let taken = self.granted(*full_at_us, now_us, most);
        if taken.granted > 0 {
            *full_at_us = (*full_at_us).max(self.time_us(now_us)) + self.cost_us(taken.granted);
        }
        taken
    }

    /// Returns what somebody gets who asks for `most`, and changes nothing.
    pub fn granted(&self, full_at_us: u64, now_us: u64, most: u32) -> Taken {
        let time_us = self.time_us(now_us);
        let full_at = full_at_us.max(time_us);
        let spare_us = (time_us + self.span_us()).saturating_sub(full_at);
        let room = spare_us / self.every_us;
        let granted = u64::from(most).min(room.div_ceil(SHARE)) as u32;
        let left = room as u32 - granted;
        let one_more_at = match self.is_daily && left == 0 {
            true => time_us + DAY_US,
            false => (full_at + self.cost_us(granted + 1)).saturating_sub(self.span_us()),
        };
        Taken {
            granted,
            left,
            wait: Duration::from_micros(one_more_at.saturating_sub(now_us)),
        }
    }

    /// By how much later the bucket is full after so many were taken.
    pub fn cost_us(&self, taken: u32) -> u64 {
        self.every_us * u64::from(taken)
    }

    /// How long an empty bucket takes to be full.
    fn span_us(&self) -> u64 {
        self.every_us * u64::from(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: Bucket = Bucket {
        every_us: 1_000,
        burst: 100,
        is_daily: false,
    };

    fn all_of(bucket: &Bucket, full_at_us: &mut u64, now_us: u64) -> u32 {
        let takes = std::iter::repeat_with(|| bucket.take(full_at_us, now_us, 1_000).granted);
        takes.take_while(|granted| *granted > 0).sum()
    }

    #[test]
    fn a_burst_is_there_once_and_comes_back_with_time() {
        let mut full_at_us = 0;
        let start = 1_000_000;
        assert_eq!(all_of(&BUCKET, &mut full_at_us, start), 100);
        let refused = BUCKET.take(&mut full_at_us, start, 1);
        assert_eq!((refused.granted, refused.left), (0, 0));
        assert_eq!(refused.wait, Duration::from_millis(1));
        assert_eq!(all_of(&BUCKET, &mut full_at_us, start + 999), 0);
        assert_eq!(all_of(&BUCKET, &mut full_at_us, start + 10_500), 10);
        assert_eq!(all_of(&BUCKET, &mut full_at_us, start + 10_000_000), 100);
    }

    #[test]
    fn a_day_has_so_many_however_they_are_spread_over_it() {
        let bucket = Bucket::daily(100);
        let mut full_at_us = 0;
        let day = 20_000 * DAY_US;
        assert_eq!(all_of(&bucket, &mut full_at_us, day), 100);
        let noon = day + DAY_US / 2;
        assert_eq!(all_of(&bucket, &mut full_at_us, noon), 0);
        let refused = bucket.take(&mut full_at_us, noon, 1);
        assert_eq!(refused.wait, Duration::from_secs(43_200));
        assert_eq!(all_of(&bucket, &mut full_at_us, day + DAY_US), 100);
        assert_ne!(bucket.name("a", noon), bucket.name("a", day + DAY_US));
    }

    #[test]
    fn nobody_takes_all_that_is_left() {
        let mut full_at_us = 0;
        let taken = BUCKET.take(&mut full_at_us, 1_000_000, 64);
        assert_eq!((taken.granted, taken.left), (25, 75));
        assert_eq!(taken.wait, Duration::ZERO);
        let taken = BUCKET.take(&mut full_at_us, 1_000_000, 3);
        assert_eq!((taken.granted, taken.left), (3, 72));
    }
}
