//! Batches of which something is known to have changed, so that the sweep
//! looks at them now and not when their turn comes.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use ledger::BatchKey;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Hints {
    batches: Mutex<HashSet<BatchKey>>,
    some: Notify,
}

impl Hints {
    pub fn look_at(&self, batch: BatchKey) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.insert(batch);
        drop(batches);
        self.some.notify_one();
    }

    /// All that came since.
    pub fn take(&self) -> HashSet<BatchKey> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *batches)
    }

    /// Waits until there are some.
    pub async fn come(&self) {
        self.some.notified().await;
    }
}
