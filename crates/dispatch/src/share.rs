//! How many jobs a migrator may have at the workers. Bulk has low priority: while
//! real-time jobs wait longer than they should, it halves; while they do not,
//! it grows by a little, as long as it is used (AIMD, as TCP shares a line).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{backoff::jittered, bus::Bus};
use tokio::{sync::Notify, time::sleep};

use crate::{metrics::SHARE, pressure};

/// Never less, so that a migration ends however busy the fleet is.
const LEAST: f64 = 1.0;
/// By how much of itself the share grows in one step.
const GROWTH: f64 = 0.05;

#[derive(Clone, Debug)]
pub struct Share {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    most: f64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    allowed: f64,
    taken: usize,
    /// Somebody had to wait since the last step: more would be used.
    short: bool,
}

/// A job at the workers.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
}

impl Share {
    pub fn new(most: usize) -> Self {
        let most = most as f64;
        // Halfway: the first real-time job finds room, and an idle fleet is soon full.
        let state = State {
            allowed: (most / 2.0).max(LEAST),
            taken: 0,
            short: false,
        };
        Self {
            shared: Arc::new(Shared {
                most,
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
        }
    }

    pub async fn take(&self) -> Slot {
        loop {
            // Registered before looking, so that no place that comes free in between is missed.
            let changed = self.shared.changed.notified();
            if let Some(place) = self.try_take() {
                return place;
            }
            changed.await;
        }
    }

    /// Takes a place if there is one now.
    pub fn try_take(&self) -> Option<Slot> {
        let mut state = self.shared.state();
        if state.taken as f64 + 1.0 > state.allowed.floor() {
            state.short = true;
            return None;
        }
        state.taken += 1;
        Some(Slot {
            shared: self.shared.clone(),
        })
    }

    /// Takes one look at how real-time jobs fare.
    pub fn step(&self, realtime_waits_too_long: bool) {
        let mut state = self.shared.state();
        let next = match (realtime_waits_too_long, state.short) {
            (true, _) => state.allowed / 2.0,
            (false, true) => state.allowed + (state.allowed * GROWTH).max(1.0),
            (false, false) => state.allowed,
        };
        state.allowed = next.clamp(LEAST, self.shared.most);
        state.short = false;
        metrics::gauge!(SHARE).set(state.allowed);
        drop(state);
        self.shared.changed.notify_waiters();
    }

    #[cfg(test)]
    fn allowed(&self) -> usize {
        self.shared.state().allowed as usize
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.state().taken -= 1;
        self.shared.changed.notify_waiters();
    }
}

/// Looks at how real-time jobs fare, for ever. `target`: the wait beyond which they wait too long.
pub async fn give_way(share: &Share, bus: &Bus, target: Duration) {
    loop {
        sleep(jittered(pressure::TOLD_EVERY)).await;
        // Without the bus there are no results either, and nothing to be shared.
        if let Ok(heard) = pressure::heard(bus).await {
            share.step(heard.wait.is_some_and(|wait| wait > target));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn bulk_gives_way_and_comes_back() {
        let share = Share::new(64);
        assert_eq!(share.allowed(), 32);
        let mut held = Vec::new();
        for _ in 0..32 {
            held.push(share.take().await);
        }
        let more = share.clone();
        let waits = tokio::spawn(async move { more.take().await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waits.is_finished(), "no more than allowed");
        share.step(false);
        held.push(waits.await.expect("no panic"));
        for _ in 0..10 {
            share.step(true);
        }
        assert_eq!(share.allowed(), 1, "something always goes on");
        held.clear();
        drop(share.take().await);
        share.step(false);
        assert_eq!(share.allowed(), 1, "what is not used does not grow");
        for _ in 0..200 {
            let place = share.take().await;
            // One too many, so that there is a want of places.
            while let Some(place) = share.try_take() {
                held.push(place);
            }
            held.clear();
            drop(place);
            share.step(false);
        }
        assert_eq!(share.allowed(), 64, "nor beyond the most");
    }
}
