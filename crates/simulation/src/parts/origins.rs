//! Hosts that pictures come from, each behind the circuit breaker of production.

use std::time::Duration;

use common::fault::Code;
use fetch::breaker::{Breaker, Entry, Limits, Verdict};
use tokio::time::Instant;

/// The defaults of the service.
const LIMITS: Limits = Limits {
    failures: 10,
    pause: Duration::from_secs(10),
};

#[derive(Debug)]
pub struct Origins {
    breakers: Vec<Breaker>,
    /// Hosts below this number are slow.
    slow: usize,
    times: f64,
}

impl Origins {
    pub fn new(hosts: usize) -> Self {
        let breakers = (0..hosts.max(1)).map(|_| Breaker::new(LIMITS)).collect();
        Self {
            breakers,
            slow: 0,
            times: 1.0,
        }
    }

    /// Makes a part of them take so many times as long.
    pub fn slow_down(&mut self, share: f64, times: f64) {
        self.slow = (self.breakers.len() as f64 * share).round() as usize;
        self.times = times;
    }

    pub fn recover(&mut self) {
        self.slow_down(0.0, 1.0);
    }

    /// Returns by how much a host is slower now than it is usually.
    pub fn factor(&self, host: usize) -> f64 {
        if host < self.slow { self.times } else { 1.0 }
    }

    /// Lets a download begin, unless its host's circuit is open.
    pub fn enter(&mut self, host: usize, now: std::time::Instant) -> Option<Entry> {
        self.breakers[host].enter(Instant::from_std(now)).ok()
    }

    pub fn leave(&mut self, host: usize, entry: Entry, came: bool, now: std::time::Instant) {
        let verdict = if came {
            Verdict::Served
        } else {
            Verdict::Failed(Code::SourceTimeout)
        };
        self.breakers[host].leave(entry, verdict, Instant::from_std(now), 0.5);
    }
}
