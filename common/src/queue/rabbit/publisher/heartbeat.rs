//! Whether anything is heard of the broker. A confirm may be late because its queue elects a leader or a disk is slow, while
//! all else goes on. Then only its own caller waited in vain.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::time::Instant;

pub struct Heartbeat {
    heard: Mutex<Instant>,
    is_asking: AtomicBool,
}

impl Heartbeat {
    pub fn new() -> Self {
        Self {
            heard: Mutex::new(Instant::now()),
            is_asking: AtomicBool::new(false),
        }
    }

    /// The broker has said something.
    pub fn beat(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub fn is_silent_since(&self, time: Instant) -> bool {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) < time
    }

    /// Returns whether the caller is the one to ask the broker for a sign of life.
    pub fn begin_asking(&self) -> bool {
        !self.is_asking.swap(true, Relaxed)
    }

    pub fn end_asking(&self) {
        self.is_asking.store(false, Relaxed);
    }
}
