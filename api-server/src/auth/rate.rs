//! How often a key may ask: so many requests a second on average, and so many
//! at once (GCRA). Each process counts for itself.

use std::{num::NonZeroU32, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Rates beyond these are slips of the pen, and would overflow the limiter's clock.
const PER_SECOND: std::ops::RangeInclusive<f64> = 0.001..=1e6;
const MAX_BURST: u32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    per_second: f64,
    burst: NonZeroU32,
}

#[derive(Debug)]
pub struct Limit {
    pub rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>,
}

/// Where a key stands after a request: what the answer's header fields say.
#[derive(Debug)]
pub struct Standing {
    rate: Rate,
    remaining: u32,
    /// Set where the request was one too many.
    retry_after_s: Option<u64>,
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
        })
    }

    /// The whole seconds in which a spent burst is back, and the requests that they allow.
    fn window(&self) -> (u64, u64) {
        let seconds = (f64::from(self.burst.get()) / self.per_second)
            .ceil()
            .max(1.0);
        (seconds as u64, (self.per_second * seconds + 1e-6) as u64)
    }

    /// Until one request more is allowed, at the most.
    fn next_s(&self) -> u64 {
        (1.0 / self.per_second).ceil() as u64
    }
}

impl Limit {
    pub fn new(rate: Rate) -> Self {
        let every = Duration::from_secs_f64(1.0 / rate.per_second);
        let quota = Quota::with_period(every)
            .expect("a rate is at most a million a second")
            .allow_burst(rate.burst);
        Self {
            rate,
            limiter: RateLimiter::direct_with_clock(quota, MonotonicClock).with_middleware(),
        }
    }

    /// Counts one request; `Err` where it is one too many.
    pub fn count(&self) -> Result<Standing, Standing> {
        let rate = self.rate;
        match self.limiter.check() {
            Ok(state) => Ok(Standing {
                rate,
                remaining: state.remaining_burst_capacity(),
                retry_after_s: None,
            }),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.limiter.clock().now());
                Err(Standing {
                    rate,
                    remaining: 0,
                    retry_after_s: Some(wait.as_secs_f64().ceil().max(1.0) as u64),
                })
            }
        }
    }
}

impl Standing {
    /// Fields of draft-ietf-httpapi-ratelimit-headers-11.
    pub fn write(&self, headers: &mut HeaderMap) {
        let (window_s, requests) = self.rate.window();
        let seconds = self.retry_after_s.unwrap_or(self.rate.next_s());
        let field = |text: String| HeaderValue::try_from(text).expect("letters, digits and signs");
        headers.insert(
            RATE_LIMIT_POLICY,
            field(format!(r#""default";q={requests};w={window_s}"#)),
        );
        headers.insert(
            RATE_LIMIT,
            field(format!(r#""default";r={};t={seconds}"#, self.remaining)),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
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
            assert_eq!(
                Rate::new(per_second, burst).expect("a rate").window(),
                window,
                "{per_second}, {burst:?}"
            );
        }
        for (per_second, burst) in [
            (0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1.0, Some(0)),
        ] {
            assert!(
                Rate::new(per_second, burst).is_err(),
                "{per_second}, {burst:?}"
            );
        }
    }

    #[test]
    fn a_burst_passes_and_the_next_one_is_told_when() {
        let limit = Limit::new(Rate::new(0.1, Some(3)).expect("a rate"));
        let remaining: Vec<_> = (0..3)
            .map(|_| limit.count().expect("within the burst").remaining)
            .collect();
        assert_eq!(remaining, [2, 1, 0]);
        let refused = limit.count().expect_err("one too many");
        assert_eq!((refused.remaining, refused.retry_after_s), (0, Some(10)));
        let mut headers = HeaderMap::new();
        refused.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], r#""default";q=3;w=30"#);
        assert_eq!(headers["ratelimit"], r#""default";r=0;t=10"#);
    }
}
