//! A limit that holds for the whole fleet. Its bucket lies on the bus. A server takes several requests out of it at once, a lease,
//! so that it need not ask for each; the last ones are taken singly, so that no server sits on what another one needs. While
//! the bus does not answer, each server counts for itself.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::bus::{Bus, Taken};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::time::{Instant, timeout};

use crate::{rate::Rate, standing::Left};

/// A server takes what it needs for so long.
const LEASE: Duration = Duration::from_millis(50);
const MOST_LEASED: u32 = 64;
/// What a server has not used by then, it does not use any more.
const KEPT: Duration = Duration::from_secs(1);
/// A request waits no longer for the bus.
const ASKED_WITHIN: Duration = Duration::from_millis(100);
/// A bucket that had nothing is looked at again after so long at the most.
const ASKED_AGAIN: Duration = Duration::from_secs(1);
/// After a bus that did not answer, nobody asks it for so long.
const LEFT_ALONE: Duration = Duration::from_secs(1);

type Alone = RateLimiter<NotKeyed, InMemoryState, MonotonicClock, StateInformationMiddleware>;

#[derive(Debug)]
pub struct Limit {
    pub rate: Rate,
    policy: &'static str,
    bucket: String,
    lease: Mutex<Lease>,
    /// One request at a time asks the bus.
    turn: tokio::sync::Mutex<()>,
    /// Counts while the bus is away.
    alone: Alone,
}

#[derive(Debug)]
struct Lease {
    most: u32,
    taken: Instant,
    unused: u32,
    used: u32,
    /// What the bus has left for everybody.
    left: u32,
    empty: Option<Empty>,
    away_until: Option<Instant>,
}

/// What is known of a bucket that had nothing.
#[derive(Clone, Copy, Debug)]
struct Empty {
    /// Another server may give something back, so the bus is asked before the time is over.
    ask_again: Instant,
    one_more: Instant,
}

enum Counted {
    Yes { remaining: u32 },
    No { wait: Duration },
    AskTheBus { most: u32 },
    CountAlone,
}

impl Limit {
    /// `owner`: a name that nobody else's bucket has.
    pub fn new(owner: &str, policy: &'static str, rate: Rate) -> Self {
        let quota = Quota::with_period(rate.every())
            .expect("a rate is at most a million a second")
            .allow_burst(rate.burst());
        let bucket = rate.bucket();
        Self {
            rate,
            policy,
            // Another rate is another bucket.
            bucket: format!("{owner}:{policy}:{}:{}", bucket.every_us, bucket.burst),
            lease: Mutex::new(Lease::new(most_leased(rate))),
            turn: tokio::sync::Mutex::default(),
            alone: RateLimiter::direct_with_clock(quota, MonotonicClock).with_middleware(),
        }
    }

    /// Counts one request; `Err` where it is one too many.
    pub async fn count(&self, bus: &Bus) -> Result<Left, Left> {
        let counted = self.lease().count(Instant::now());
        match counted {
            Counted::AskTheBus { .. } => self.count_after_asking(bus).await,
            counted => self.told(counted),
        }
    }

    async fn count_after_asking(&self, bus: &Bus) -> Result<Left, Left> {
        let _turn = self.turn.lock().await;
        let counted = self.lease().count(Instant::now());
        let Counted::AskTheBus { most } = counted else {
            // Another request has asked meanwhile.
            return self.told(counted);
        };
        let bucket = self.rate.bucket();
        let asked = timeout(ASKED_WITHIN, bus.take(&self.bucket, &bucket, most)).await;
        let mut lease = self.lease();
        let now = Instant::now();
        match asked {
            Ok(Ok(taken)) => lease.take_in(taken, now),
            Ok(Err(_)) | Err(_) => lease.away_until = Some(now + LEFT_ALONE),
        }
        let counted = lease.count(now);
        drop(lease);
        self.told(counted)
    }

    fn told(&self, counted: Counted) -> Result<Left, Left> {
        match counted {
            Counted::Yes { remaining } => {
                // So that a bus that goes away gives nobody a second burst.
                let _ = self.alone.check();
                Ok(self.left(remaining))
            }
            Counted::No { wait } => Err(self.refused(wait)),
            Counted::CountAlone | Counted::AskTheBus { .. } => self.count_alone(),
        }
    }

    fn count_alone(&self) -> Result<Left, Left> {
        match self.alone.check() {
            Ok(state) => Ok(self.left(state.remaining_burst_capacity())),
            Err(not_until) => Err(self.refused(not_until.wait_time_from(self.alone.clock().now()))),
        }
    }

    fn left(&self, remaining: u32) -> Left {
        Left {
            policy: self.policy,
            rate: self.rate,
            remaining,
            retry_after: None,
        }
    }

    fn refused(&self, wait: Duration) -> Left {
        Left {
            retry_after: Some(wait),
            ..self.left(0)
        }
    }

    fn lease(&self) -> MutexGuard<'_, Lease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn new(most: u32) -> Self {
        Self {
            most,
            taken: Instant::now(),
            unused: 0,
            used: 0,
            left: 0,
            empty: None,
            away_until: None,
        }
    }

    fn count(&mut self, now: Instant) -> Counted {
        if self.away_until.is_some_and(|until| now < until) {
            return Counted::CountAlone;
        }
        if now.duration_since(self.taken) > KEPT {
            self.unused = 0;
        }
        if self.unused > 0 {
            self.unused -= 1;
            self.used += 1;
            return Counted::Yes {
                remaining: self.left + self.unused,
            };
        }
        match self.empty.filter(|empty| now < empty.ask_again) {
            Some(empty) => Counted::No {
                wait: empty.one_more - now,
            },
            None => Counted::AskTheBus {
                most: self.need(now),
            },
        }
    }

    /// As many as it used for so long of late.
    fn need(&self, now: Instant) -> u32 {
        let passed = now.duration_since(self.taken).max(LEASE);
        let needed = f64::from(self.used) * LEASE.as_secs_f64() / passed.as_secs_f64();
        (needed.ceil() as u32).clamp(1, self.most)
    }

    fn take_in(&mut self, taken: Taken, now: Instant) {
        self.away_until = None;
        self.unused = taken.granted;
        self.left = taken.left;
        self.used = 0;
        self.taken = now;
        let is_empty = taken.granted == 0;
        self.empty = is_empty.then(|| Empty {
            ask_again: now + taken.wait.min(ASKED_AGAIN),
            one_more: now + taken.wait,
        });
    }
}

/// No more than come back in the time after which what is unused is lost: of a thousand a day, one.
fn most_leased(rate: Rate) -> u32 {
    let come_back = KEPT.as_secs_f64() / rate.every().as_secs_f64();
    (come_back as u32).clamp(1, MOST_LEASED)
}

#[cfg(test)]
mod tests;
