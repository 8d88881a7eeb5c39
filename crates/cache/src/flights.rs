//! One flight for each answer that is not there yet: the first who asks works
//! it out, the others wait for it. In this process by a table, in the fleet by
//! a claim that its holder renews; should the holder die, the next one leads
//! once the claim has run out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{backoff::Pauses, bus::Bus};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::Digest;

/// How long a claim outlives its holder.
const CLAIM: Duration = Duration::from_secs(2);
const RENEWED_EVERY: Duration = Duration::from_millis(600);
/// Between two looks whether another server has landed.
const LOOK_AGAIN: Pauses = Pauses::doubling(Duration::from_millis(20), Duration::from_millis(160));

/// Where those who wait hear what a flight came to.
type Landing<T> = watch::Receiver<Option<T>>;

/// `T`: what is told to those who wait.
#[derive(Clone, Debug)]
pub struct Flights<T> {
    bus: Bus,
    under_way: Arc<Mutex<HashMap<Digest, Landing<T>>>>,
}

/// Whether to work it out, or to wait.
#[derive(Debug)]
pub enum Flight<T: Clone> {
    Lead(Lead<T>),
    /// Nothing where the leader gave up: one of those who waited shall lead.
    Follow(Landing<T>),
}

/// The right to work an answer out for all others. Dropped, it leaves that to the next one.
#[derive(Debug)]
pub struct Lead<T: Clone> {
    flights: Flights<T>,
    key: Digest,
    tell: watch::Sender<Option<T>>,
    claimed: bool,
}

/// Whether a leader may work for the fleet.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim<T> {
    /// It may, and nobody else does.
    Mine,
    /// It need not: this is what another server came to.
    Found(T),
    /// Another server was still at work when the time was over.
    TimeOver,
}

impl<T: Clone> Flights<T> {
    pub fn new(bus: Bus) -> Self {
        Self {
            bus,
            under_way: Arc::default(),
        }
    }

    /// Joins the flight of this process for `key`, or begins one.
    pub fn join(&self, key: Digest) -> Flight<T> {
        let mut under_way = self.under_way();
        if let Some(landing) = under_way.get(&key) {
            return Flight::Follow(landing.clone());
        }
        let (tell, landing) = watch::channel(None);
        under_way.insert(key, landing);
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

    fn under_way(&self) -> MutexGuard<'_, HashMap<Digest, Landing<T>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a flight that others lead. Nothing where its leader gave up.
pub async fn landing<T: Clone>(mut landing: Landing<T>) -> Option<T> {
    let landed = landing.wait_for(Option::is_some).await.ok()?;
    landed.clone()
}

impl<T: Clone> Lead<T> {
    /// Waits until this process may work for the fleet, or `found` finds what another one came to.
    ///
    /// Whoever gets the claim looks once more: the holder before may have kept its answer and left since the last look.
    /// Without the bus everyone works for himself: a claim saves work, and guarantees nothing.
    pub async fn claim<F, Found>(&mut self, until: Instant, found: F) -> Claim<T>
    where
        F: Fn() -> Found,
        Found: Future<Output = Option<T>>,
    {
        let mut looks = 0;
        loop {
            match self.flights.bus.claim(&self.name(), CLAIM).await {
                Ok(is_free) => self.claimed = is_free,
                Err(_) => return Claim::Mine,
            }
            if let Some(landed) = found().await {
                return Claim::Found(landed);
            }
            if self.claimed {
                return Claim::Mine;
            }
            if Instant::now() >= until {
                return Claim::TimeOver;
            }
            looks += 1;
            let left = until.saturating_duration_since(Instant::now());
            sleep(LOOK_AGAIN.after(looks).min(left)).await;
        }
    }

    /// Keeps the claim while `work` goes on.
    pub async fn keep<Done>(&self, work: impl Future<Output = Done>) -> Done {
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

    /// Tells everyone who waits, here and, by the end of the claim, elsewhere.
    ///
    /// The claim ends with the flight, well or not: others would wait for what they may not find, where nothing of the
    /// answer may be kept.
    pub async fn land(mut self, landed: T) {
        self.flights.under_way().remove(&self.key);
        self.tell.send_replace(Some(landed));
        if std::mem::take(&mut self.claimed) {
            let _ = self.flights.bus.release(&self.name()).await;
        }
    }

    fn name(&self) -> String {
        format!("flight:{}", self.key)
    }
}

impl<T: Clone> Drop for Lead<T> {
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
