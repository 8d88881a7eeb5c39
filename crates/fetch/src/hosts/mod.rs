//! What is known of the hosts that images come from: how many downloads are
//! under way from each, and which have an open circuit because they keep failing.

mod breaker;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    fault::{Code, Fault},
    image::DecoderImpact,
};
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};
use url::Url;

use crate::{faults, guard::Origin};
use breaker::{Breaker, Entry};
pub use breaker::{LONGEST_PAUSE, Limits, OpenCircuit, Verdict};

/// Hosts that are remembered. Who makes us forget one by naming ten thousand
/// others gains little: its count of failures and of places begins anew.
const MOST_HOSTS: u64 = 10_000;
/// Longer than any pause, so that none is forgotten before it is over.
const KEPT: Duration = Duration::from_secs(1_800);

#[derive(Clone, Debug)]
pub struct Hosts {
    table: Cache<Origin, Arc<Host>>,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub places: usize,
    pub limits: Limits,
    /// A visit that is given up earlier than this says nothing about the host:
    /// a caller in a hurry must not make others wait.
    pub patience: Duration,
}

#[derive(Debug)]
struct Host {
    origin: Origin,
    places: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
}

/// One download from a host, with its place. Dropped without a verdict, it was
/// given up: the host was too slow for its caller.
#[derive(Debug)]
pub struct Visit {
    guest: Guest,
    begun: Instant,
    patience: Duration,
    verdict: Option<Verdict>,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Debug)]
struct Guest {
    host: Arc<Host>,
    entry: Entry,
}

/// A file that a host sent, of which nobody knows yet what it does to a
/// decoder. A host has served once its file was decoded, or else one whose
/// files break decoders would seem to be well each time. Dropped without a
/// verdict, the file was not looked at.
#[derive(Debug)]
pub struct Sent(Option<Guest>);

impl Hosts {
    pub fn new(settings: Settings) -> Self {
        let table = Cache::builder()
            .max_capacity(MOST_HOSTS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(KEPT);
        Self {
            table: table.build(),
            settings,
        }
    }

    /// Waits for a place until `until`, unless the host's circuit is open.
    pub async fn enter(&self, url: &Url, until: Instant) -> Result<Visit, Fault> {
        let host = self.host(url).ok_or_else(faults::unreachable)?;
        if let Some(code) = host.breaker().refuses(Instant::now()) {
            return Err(faults::circuit_open(code));
        }
        let place = timeout_at(until, host.places.clone().acquire_owned()).await;
        let place = place
            .map_err(|_| faults::busy())?
            .expect("the semaphore is never closed");
        // Others may have failed meanwhile.
        let begun = Instant::now();
        let entry = host.breaker().enter(begun).map_err(faults::circuit_open)?;
        let guest = Guest { host, entry };
        Ok(Visit {
            guest,
            begun,
            patience: self.settings.patience,
            verdict: None,
            _place: place,
        })
    }

    /// Counts a failure that shows only after the visit, such as a chain of redirects without an end.
    pub fn blame(&self, url: &Url, code: Code) {
        if let Some(host) = self.host(url) {
            host.leave(Entry::Visitor, Verdict::Failed(code));
        }
    }

    /// Leaves a host alone that asked for it.
    pub fn back_off(&self, url: &Url, pause: Duration) {
        if let Some(host) = self.host(url) {
            host.breaker().back_off(Instant::now(), pause);
        }
    }

    /// Returns how long a host's circuit stays open, if it is open.
    pub fn open_circuit(&self, url: &Url) -> Option<OpenCircuit> {
        let host = self.table.get(&Origin::of(url)?.without_final_dot())?;
        host.breaker().open_circuit(Instant::now())
    }

    /// Returns how many circuits are open.
    pub fn open_circuits(&self) -> usize {
        let now = Instant::now();
        self.table
            .iter()
            .filter(|(_, host)| host.breaker().refuses(now).is_some())
            .count()
    }

    fn host(&self, url: &Url) -> Option<Arc<Host>> {
        let origin = Origin::of(url)?.without_final_dot();
        let settings = self.settings;
        let new = |origin: Origin| {
            let places = Arc::new(Semaphore::new(settings.places));
            Arc::new(Host {
                origin,
                places,
                breaker: Mutex::new(Breaker::new(settings.limits)),
            })
        };
        Some(self.table.get_with_by_ref(&origin, || new(origin.clone())))
    }
}

impl Host {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, entry: Entry, verdict: Verdict) {
        let pause = self
            .breaker()
            .leave(entry, verdict, Instant::now(), rand::random());
        if let Some(pause) = pause {
            tracing::info!(host = %self.origin, ?pause, ?verdict, "a host keeps failing, and its circuit is open");
        }
    }
}

impl Visit {
    pub fn end(mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
    }

    /// The place is free; the verdict comes later.
    pub fn brought(mut self) -> Sent {
        self.verdict = Some(Verdict::Pending);
        Sent(Some(self.guest.clone()))
    }

    fn given_up(&self) -> Verdict {
        let waited = self.begun.elapsed() >= self.patience;
        if waited {
            Verdict::Failed(Code::SourceTimeout)
        } else {
            Verdict::Unknown
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let verdict = self.verdict.take().unwrap_or_else(|| self.given_up());
        self.guest.leaves(verdict);
    }
}

impl Guest {
    fn leaves(&self, verdict: Verdict) {
        self.host.leave(self.entry, verdict);
    }
}

impl Sent {
    pub fn decoded(mut self, impact: DecoderImpact) {
        if let Some(guest) = self.0.take() {
            guest.leaves(Verdict::on(impact));
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(guest) = self.0.take() {
            guest.leaves(Verdict::Moved);
        }
    }
}
