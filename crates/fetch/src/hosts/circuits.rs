//! The two circuits that a download has to pass.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::fault::Code;
use tokio::time::Instant;

use super::breaker::{Breaker, Entry, Limits, OpenCircuit, Verdict};
use crate::guard::Origin;

/// A breaker that many use.
#[derive(Debug)]
pub struct Circuit {
    origin: Origin,
    breaker: Mutex<Breaker>,
}

impl Circuit {
    pub fn new(origin: Origin, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            origin,
            breaker: Mutex::new(Breaker::new(limits)),
        })
    }

    pub fn blame(&self, code: Code) {
        self.leave(Entry::Normal, Verdict::Failed(code));
    }

    pub fn back_off(&self, pause: Duration) {
        self.breaker().back_off(Instant::now(), pause);
    }

    pub fn refuses(&self, now: Instant) -> Option<Code> {
        self.breaker().refuses(now)
    }

    pub fn open_circuit(&self, now: Instant) -> Option<OpenCircuit> {
        self.breaker().open_circuit(now)
    }

    fn leave(&self, entry: Entry, verdict: Verdict) {
        let pause = self
            .breaker()
            .leave(entry, verdict, Instant::now(), rand::random());
        if let Some(pause) = pause {
            tracing::info!(host = %self.origin, ?pause, ?verdict, "a host keeps failing, and its circuit is open");
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
pub struct Circuits {
    /// It learns whether the host can be connected to.
    pub everyones: Arc<Circuit>,
    /// It learns what the host has sent this tenant.
    pub tenants: Arc<Circuit>,
}

impl Circuits {
    pub fn refuse(&self, now: Instant) -> Option<Code> {
        self.everyones
            .refuses(now)
            .or_else(|| self.tenants.refuses(now))
    }

    pub fn enter(self, now: Instant) -> Result<CircuitGuard, Code> {
        let as_tenants = self.tenants.breaker().enter(now)?;
        let entered = self.everyones.breaker().enter(now);
        match entered {
            Ok(as_everyones) => Ok(CircuitGuard {
                circuits: self,
                as_everyones,
                as_tenants,
            }),
            Err(code) => {
                // It may have been the probe, which is now another's.
                self.tenants.leave(as_tenants, Verdict::Unknown);
                Err(code)
            }
        }
    }
}

/// Whoever has passed both.
#[derive(Clone, Debug)]
pub struct CircuitGuard {
    circuits: Circuits,
    as_everyones: Entry,
    as_tenants: Entry,
}

impl CircuitGuard {
    /// Says how the visit ended.
    pub fn leaves(&self, verdict: Verdict) {
        let of_connection = verdict.of_connection();
        self.circuits
            .everyones
            .leave(self.as_everyones, of_connection);
        self.judges(verdict.of_content());
    }

    /// Says what the file was, of which the host has nothing but its sending.
    pub fn judges(&self, verdict: Verdict) {
        self.circuits.tenants.leave(self.as_tenants, verdict);
    }
}
