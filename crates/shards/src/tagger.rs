//! What images of batches are tagged with.

use std::time::Duration;

use common::{BoxFuture, bus::BusError};
use dispatch::{Dispatcher, Share, give_way};
use resources::Resources;
use tokio::sync::Semaphore;

use crate::ShardConfig;

/// Has images of batches tagged, with low priority.
#[derive(Debug)]
pub struct BulkTagger {
    pub config: ShardConfig,
    pub resources: Resources,
    pub dispatcher: Dispatcher,
    /// Jobs that it may have at the workers.
    pub share: Share,
    /// As many as there are decoding processes: bulk must not fill the line before them.
    pub preparing: Semaphore,
}

impl BulkTagger {
    /// `name`: the address of its results, unique in the fleet. `shards`: those that are worked on at once.
    pub fn open(
        config: ShardConfig,
        resources: Resources,
        name: &str,
        shards: u16,
    ) -> BoxFuture<'_, Result<Self, BusError>> {
        Box::pin(async move {
            let queue = resources.queue.clone();
            let bus = resources.bus.clone();
            let inbox = bus.open_inbox(name).await?;
            let most = usize::from(shards) * config.migrate_items;
            Ok(Self {
                share: Share::new(most),
                preparing: Semaphore::new(resources.decoding_processes),
                dispatcher: Dispatcher::new(queue, bus, inbox),
                config,
                resources,
            })
        })
    }

    /// Gives way to real-time jobs, for ever: bulk takes what they leave. `target`: the longest mean wait that they may have.
    pub fn give_way(&self, target: Duration) -> BoxFuture<'_, ()> {
        Box::pin(give_way(&self.share, &self.resources.bus, target))
    }
}
