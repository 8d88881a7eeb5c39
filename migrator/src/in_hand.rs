//! The shards in this process's hands.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{Mutex, OwnedMutexGuard};

/// The broker delivers a shard again when its connection is lost, while the
/// first delivery is still being worked on: the second then waits for what
/// becomes of the first.
#[derive(Debug, Default)]
pub struct InHand(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl InHand {
    pub async fn take(&self, shard: &str) -> OwnedMutexGuard<()> {
        let mut all = self.0.lock().await;
        all.retain(|_, lock| Arc::strong_count(lock) > 1);
        let lock = all.entry(shard.to_owned()).or_default().clone();
        drop(all);
        lock.lock_owned().await
    }
}
