//! One flight for each answer that is not there yet: the first who asks works
//! it out, the others wait for it. In this process by a table, in the fleet by
//! a claim that its holder renews; should the holder die, the next one leads
//! once the claim has run out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{backoff::Pauses, bus::Bus, fault::Fault};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{Answered, Digest, metrics};

/// How long a claim outlives its holder.
const CLAIM: Duration = Duration::from_secs(2);
const RENEWED_EVERY: Duration = Duration::from_millis(600);
/// Between two looks whether another server has landed.
const LOOK_AGAIN: Pauses = Pauses::doubling(Duration::from_millis(20), Duration::from_millis(160));

/// What became of a flight: whatever is true of the image is true for all who ask.
pub type Landed = Result<Answered, Fault>;

#[derive(Clone, Debug)]
pub struct Flights {
    bus: Bus,
    under_way: Arc<Mutex<HashMap<Digest, watch::Receiver<Option<Landed>>>>>,
}

/// Whether to work it out, or to wait.
#[derive(Debug)]
pub enum Flight {
    Lead(Lead),
    /// Nothing where the leader gave up: one of those who waited shall lead.
    Follow(watch::Receiver<Option<Landed>>),
}

/// The right to work an answer out for all others. Dropped, it leaves that to the next one.
#[derive(Debug)]
pub struct Lead {
    flights: Flights,
    key: Digest,
    tell: watch::Sender<Option<Landed>>,
    claimed: bool,
}

impl Flights {
    pub fn new(bus: Bus) -> Self {
        Self {
            bus,
            under_way: Arc::default(),
        }
    }

    /// Joins the flight of this process for `key`, or begins one.
    pub fn join(&self, key: Digest) -> Flight {
        let mut under_way = self.under_way();
        if let Some(landing) = under_way.get(&key) {
            metrics::flight("follower");
            return Flight::Follow(landing.clone());
        }
        let (tell, landing) = watch::channel(None);
        under_way.insert(key, landing);
        metrics::flight("leader");
        Flight::Lead(Lead {
            flights: self.clone(),
            key,
            tell,
            claimed: false,
        })
    }

    /// Returns how many answers are being worked out here.
    pub fn len(&self) -> usize {
        self.under_way().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Digest, watch::Receiver<Option<Landed>>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a flight that others lead. Nothing where its leader gave up.
pub async fn landing(mut landing: watch::Receiver<Option<Landed>>) -> Option<Landed> {
    let landed = landing.wait_for(Option::is_some).await.ok()?;
    landed.clone()
}

impl Lead {
    /// Waits until this process may work for the fleet, or `found` finds what another one came to.
    ///
    /// Without the bus everyone works for himself: a claim saves work, and guarantees nothing.
    pub async fn claim<F, Found>(&mut self, until: Instant, found: F) -> Option<Landed>
    where
        F: Fn() -> Found,
        Found: Future<Output = Option<Landed>>,
    {
        let mut looks = 0;
        loop {
            match self.flights.bus.claim(&self.name(), CLAIM).await {
                Ok(false) => {}
                Ok(true) => {
                    self.claimed = true;
                    // The holder before may have landed since the last look.
                    return if looks > 0 { found().await } else { None };
                }
                Err(_) => return None,
            }
            looks += 1;
            sleep(
                LOOK_AGAIN
                    .after(looks)
                    .min(until.saturating_duration_since(Instant::now())),
            )
            .await;
            if let Some(landed) = found().await {
                return Some(landed);
            }
            if Instant::now() >= until {
                return None;
            }
        }
    }

    /// Keeps the claim while `work` goes on.
    pub async fn keep<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = sleep(RENEWED_EVERY) => self.renew().await,
            }
        }
    }

    async fn renew(&self) {
        if self.claimed {
            let _ = self.flights.bus.renew_claim(&self.name(), CLAIM).await;
        }
    }

    /// Tells everyone who waits.
    ///
    /// The claim on a good answer runs out by itself: a server that looked just before the answer was kept, and claims
    /// just after, would work it out once more.
    pub async fn land(mut self, landed: Landed) {
        let kept = landed.is_ok();
        self.flights.under_way().remove(&self.key);
        self.tell.send_replace(Some(landed));
        if std::mem::take(&mut self.claimed) && !kept {
            let _ = self.flights.bus.release(&self.name()).await;
        }
    }

    fn name(&self) -> String {
        format!("flight:{}", self.key)
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way();
        // Once landed, the next flight for the same key may be under way already.
        if self.tell.borrow().is_none() {
            under_way.remove(&self.key);
        }
        drop(under_way);
        if !self.claimed {
            return;
        }
        let name = self.name();
        let bus = self.flights.bus.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { bus.release(&name).await });
        }
    }
}
