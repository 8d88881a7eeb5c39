//! What a migrator works with.

use std::sync::Arc;

use anyhow::Context;
use common::fault::Code;
use dispatch::{Dispatcher, Share, give_way};
use ledger::{LedgerError, Request};
use resources::Resources;
use tokio::sync::Semaphore;

use crate::{
    MigratorConfig, held_shards::HeldShards, hints::Hints, labels::KnownLabels, peers::Peers,
    tasks::TaskSlots,
};

#[derive(Debug)]
pub struct Migrator {
    pub config: MigratorConfig,
    pub resources: Resources,
    pub dispatcher: Dispatcher,
    /// Jobs that it may have at the workers.
    pub share: Share,
    /// As many as there are decoding processes: bulk must not fill the line before them.
    pub preparing: Semaphore,
    pub task_slots: TaskSlots,
    pub held_shards: HeldShards,
    /// What the classes of kept scores are called.
    pub labels_of_models: KnownLabels,
    /// For the sweep.
    pub hints: Arc<Hints>,
    pub peers: Peers,
}

impl Migrator {
    pub async fn new(
        config: MigratorConfig,
        resources: Resources,
        name: &str,
    ) -> anyhow::Result<Self> {
        let queue = resources.queue.clone();
        let bus = resources.bus.clone();
        let inbox = bus.open_inbox(name).await;
        let inbox = inbox.context("opening the migrator's inbox")?;
        let most = usize::from(config.migrate_shards) * config.migrate_items;
        let hints = Arc::new(Hints::default());
        Ok(Self {
            share: Share::new(most),
            preparing: Semaphore::new(resources.decoding_processes),
            dispatcher: Dispatcher::new(queue, bus, inbox),
            task_slots: TaskSlots::new(hints.clone()),
            held_shards: HeldShards::default(),
            hints,
            peers: Peers::new(name),
            labels_of_models: KnownLabels::new(config.models_dir()),
            config,
            resources,
        })
    }

    /// Gives way to real-time jobs: bulk takes what they leave.
    pub async fn give_way(&self) {
        let target = self.config.realtime_wait();
        give_way(&self.share, &self.resources.bus, target).await;
    }

    /// Tells whether a batch shall end before its items do.
    pub async fn ended_by(&self, request: &Request) -> Result<Option<Code>, LedgerError> {
        let now_s = self.now_s();
        if request.expires_s.is_some_and(|at| now_s >= at) {
            return Ok(Some(Code::BatchExpired));
        }
        let cancelled = self.resources.ledger.cancelled(&request.key()).await?;
        Ok(cancelled.map(|_| Code::BatchCancelled))
    }

    /// Returns the fleet's time, seconds since 1970.
    pub fn now_s(&self) -> u64 {
        self.resources.bus.now_us() / 1_000_000
    }
}
