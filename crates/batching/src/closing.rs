//! When a batch closes, as a pure function of what is seen: time is handed in.

use std::time::{Duration, Instant};

use super::{
    Rules,
    fit::{Fit, seconds},
};

/// A batch whose most urgent image is to be in time starts so much earlier than
/// it has to: threads wake late, and the fit is a mean.
const SLACK: Duration = Duration::from_millis(2);

/// Where batches come to so many images by themselves, or images keep the
/// engines so busy, waiting gains little, and an idle engine is missed soon.
const ENOUGH: f64 = 8.0;
const BUSY: f64 = 0.4;

/// Why a batch closed; the label `closed` of `tagfleet_batch_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// No more images fit.
    Full,
    /// It waited as long as that could pay.
    Age,
    /// An engine stands idle, and waiting would gain nothing.
    Idle,
    /// With one image more, the most urgent one would be late.
    Deadline,
    /// The worker stops, or the version is replaced.
    Drain,
}

impl Closed {
    pub fn name(self) -> &'static str {
        match self {
            Closed::Full => "full",
            Closed::Age => "age",
            Closed::Idle => "idle",
            Closed::Deadline => "deadline",
            Closed::Drain => "drain",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Close(Closed),
    /// Look again then, or when something changes.
    Wait(Instant),
}

/// The engines besides the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// One is idle as well, and so takes the next image; or there is none.
    Idle,
    /// All compute; the first is expected to be free then.
    FreeIn(Duration),
}

/// A batch as it would be if it closed now. It holds an image at least, and an engine asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub n: usize,
    pub limit: usize,
    pub oldest: Instant,
    pub newest: Instant,
    /// The earliest deadline.
    pub urgent: Instant,
    pub expected_gap_s: f64,
    pub engines: usize,
    pub others: Others,
    pub draining: bool,
}

pub fn decide(rules: &Rules, fit: &Fit, seen: &Seen, now: Instant) -> Decision {
    if seen.n >= seen.limit {
        return Decision::Close(Closed::Full);
    }
    if seen.draining {
        return Decision::Close(Closed::Drain);
    }
    let Some(worth) = worth_waiting(fit, seen) else {
        return Decision::Close(Closed::Idle);
    };
    // Who waits in vain, because the next image is late, shall not lose more
    // than it could have gained.
    let longest = seconds(fit.fixed_s).min(rules.max_wait.unwrap_or(Duration::MAX));
    let until = (seen.newest + worth).min(seen.oldest + longest);
    let latest_start = latest_start(rules, fit, seen);
    if now >= until {
        Decision::Close(Closed::Age)
    } else if latest_start.is_none_or(|latest| now >= latest) {
        Decision::Close(Closed::Deadline)
    } else {
        Decision::Wait(latest_start.map_or(until, |latest| latest.min(until)))
    }
}

/// Returns how long the next image is worth waiting for, if at all. The simulation's
/// tests hold this to its promise: it costs nobody, at any rate of arrivals.
fn worth_waiting(fit: &Fit, seen: &Seen) -> Option<Duration> {
    let Others::FreeIn(free) = seen.others else {
        return None;
    };
    let gap_s = seen.expected_gap_s;
    let engines = seen.engines;
    if fit.natural_batch(gap_s, engines) > ENOUGH || fit.least_load(gap_s, engines) > BUSY {
        return None;
    }
    fit.worth(seen.n, free)
        .filter(|worth| gap_s < worth.as_secs_f64())
}

/// Returns when the batch must start so that its most urgent image is in time even with
/// one image more; `None` if that moment never was.
fn latest_start(rules: &Rules, fit: &Fit, seen: &Seen) -> Option<Instant> {
    let run = fit.run(rules.sizes, (seen.n + 1).min(seen.limit));
    seen.urgent.checked_sub(run + SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sizes;

    const GPU: Fit = Fit {
        fixed_s: 0.008,
        image_s: 0.0001,
    };
    const CPU: Fit = Fit {
        fixed_s: 0.0002,
        image_s: 0.005,
    };

    fn rules(max_wait_ms: Option<u64>) -> Rules {
        Rules {
            sizes: Sizes::doubling(64),
            max_wait: max_wait_ms.map(Duration::from_millis),
        }
    }

    fn seen(start: Instant) -> Seen {
        Seen {
            n: 3,
            limit: 64,
            oldest: start,
            newest: start,
            urgent: start + Duration::from_secs(1),
            expected_gap_s: 0.001,
            engines: 2,
            others: Others::FreeIn(Duration::from_secs(1)),
            draining: false,
        }
    }

    /// What is decided so many microseconds after the first image came.
    fn decided(start: Instant, seen: &Seen, us: u64) -> Decision {
        decide(&rules(None), &GPU, seen, start + Duration::from_micros(us))
    }

    #[test]
    fn a_batch_closes_for_its_reason() {
        let start = Instant::now();
        let usual = || seen(start);
        let full = Seen { n: 64, ..usual() };
        let lonely = Seen {
            others: Others::Idle,
            ..usual()
        };
        let rare = Seen {
            expected_gap_s: 0.002,
            ..usual()
        };
        let dense = Seen {
            expected_gap_s: 0.0002,
            ..usual()
        };
        let soon_free = Seen {
            others: Others::FreeIn(Duration::from_millis(2)),
            ..usual()
        };
        let draining = Seen {
            draining: true,
            ..usual()
        };
        let reasons = [
            (full, Closed::Full),
            (lonely, Closed::Idle),
            (rare, Closed::Idle),
            (dense, Closed::Idle),
            (soon_free, Closed::Idle),
            (draining, Closed::Drain),
        ];
        for (seen, reason) in reasons {
            assert_eq!(
                decided(start, &seen, 0),
                Decision::Close(reason),
                "{seen:?}"
            );
        }
    }

    #[test]
    fn a_batch_waits_until_the_next_image_is_not_worth_it() {
        let start = Instant::now();
        let seen = seen(start);
        // (8.3 ms − 2 · 3 · 0.1 ms) / 4: so long may the next image take.
        let end = start + Duration::from_micros(1_925);
        assert_eq!(decided(start, &seen, 0), Decision::Wait(end));
        assert_eq!(decided(start, &seen, 1_925), Decision::Close(Closed::Age));
    }

    #[test]
    fn a_batch_starts_while_its_most_urgent_image_is_in_time() {
        let start = Instant::now();
        let urgent = Seen {
            urgent: start + Duration::from_millis(11),
            ..seen(start)
        };
        // 8.4 ms for four images, and 2 ms of slack.
        let end = start + Duration::from_micros(600);
        assert_eq!(decided(start, &urgent, 0), Decision::Wait(end));
        assert_eq!(
            decided(start, &urgent, 600),
            Decision::Close(Closed::Deadline)
        );
    }

    #[test]
    fn the_oldest_image_never_waits_longer_than_a_run_costs() {
        let start = Instant::now();
        let oldest = start - Duration::from_millis(8);
        let aged = Seen {
            oldest,
            ..seen(start)
        };
        assert_eq!(
            decide(&rules(None), &GPU, &aged, start),
            Decision::Close(Closed::Age)
        );
        let aged = Seen {
            oldest: start - Duration::from_millis(3),
            ..seen(start)
        };
        assert_eq!(
            decide(&rules(Some(3)), &GPU, &aged, start),
            Decision::Close(Closed::Age)
        );
        assert_eq!(
            decide(&rules(Some(0)), &GPU, &seen(start), start),
            Decision::Close(Closed::Age)
        );
    }

    #[test]
    fn a_cpu_never_waits() {
        let start = Instant::now();
        for n in 1..4 {
            let seen = Seen {
                n,
                limit: 4,
                expected_gap_s: 0.01,
                ..seen(start)
            };
            assert_eq!(
                decide(&rules(None), &CPU, &seen, start),
                Decision::Close(Closed::Idle)
            );
        }
    }
}
