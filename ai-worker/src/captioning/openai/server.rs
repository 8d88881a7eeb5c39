//! One caption server: how it does, and the right to send it a request.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use common::backoff::Pauses;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::metrics::CAPTION_SERVER_EJECTIONS;

/// So many in a row, and a server's circuit opens.
pub const FAILURES: u32 = 3;
/// How long at first, and twice as long each time that it fails at the end of it.
pub const EJECTED: Pauses = Pauses::doubling(Duration::from_secs(1), Duration::from_secs(30));

#[derive(Debug)]
pub struct Server {
    url: Url,
    places: Arc<Semaphore>,
    answers: AtomicU64,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
pub struct Health {
    failures: u32,
    ejections: u32,
    /// The circuit is open until then.
    pub until: Option<Instant>,
    /// Somebody is finding out whether it is well again.
    probed: bool,
}

/// The right to send one request. Dropped untold, it says nothing of its server.
#[derive(Debug)]
pub struct Turn {
    server: Arc<Server>,
    place: usize,
    answers: u64,
    probe: bool,
    _permit: OwnedSemaphorePermit,
}

impl Server {
    pub fn new(url: Url, places: usize) -> Self {
        Self {
            url,
            places: Arc::new(Semaphore::new(places)),
            answers: AtomicU64::new(0),
            health: Mutex::default(),
        }
    }

    /// Returns how many more requests it may be sent at once.
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    pub fn is_well(&self, now: Instant) -> bool {
        let health = self.health();
        health
            .until
            .is_none_or(|until| now >= until && !health.probed)
    }

    /// Returns the right to send it a request now. `place` is its place in the pool.
    pub fn turn(self: &Arc<Self>, place: usize, now: Instant) -> Option<Turn> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        let mut health = self.health();
        let probe = health.until.is_some();
        // Another request may have taken the probe since the look.
        if probe && (health.probed || health.until.is_some_and(|until| now < until)) {
            return None;
        }
        health.probed = probe;
        Some(Turn {
            server: self.clone(),
            place,
            answers: self.answers.load(Relaxed),
            probe,
            _permit: permit,
        })
    }

    pub fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    pub fn url(&self) -> &Url {
        &self.server.url
    }

    pub fn place(&self) -> usize {
        self.place
    }

    /// Returns whether the server has answered anybody since this turn began.
    pub fn server_answered_since(&self) -> bool {
        self.server.answers.load(Relaxed) != self.answers
    }

    pub fn succeeded(self) {
        self.server.answers.fetch_add(1, Relaxed);
        *self.server.health() = Health::default();
    }

    pub fn failed(self) {
        let mut health = self.server.health();
        health.failures += 1;
        // Those that were under way when it was ejected say nothing new.
        if self.probe || (health.failures >= FAILURES && health.until.is_none()) {
            health.ejections += 1;
            let pause = EJECTED.after(health.ejections);
            health.until = Some(Instant::now() + pause);
            metrics::counter!(CAPTION_SERVER_EJECTIONS).increment(1);
            tracing::warn!(server = %self.server.url, pause_ms = pause.as_millis() as u64, "a caption server fails, and its circuit is open");
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.probe {
            self.server.health().probed = false;
        }
    }
}
