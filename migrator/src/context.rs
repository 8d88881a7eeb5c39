//! The migrator: takes shards from their queue, gets every image of them
//! tagged, and writes down what became of it. A shard in hand is an un-acked
//! delivery; what is done of it is in the ledger. So it may die at any moment.

mod announce;
mod config;
mod deliver;
mod errand;
mod forecast;
mod item;
mod rests;
mod retain;
mod retry;
mod run;
mod schedule;
mod shard;
mod share;
mod sweep;
mod take_in;
mod tell;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use common::{bus::Bus, outside::Outside, queue::Queue, shutdown::Shutdown};
use tokio::{
    sync::{Mutex, OwnedMutexGuard, Semaphore},
    task::JoinSet,
};

use crate::{
    admit::Budget, fetch::Fetcher, fleet::Fleet, ledger::Ledger, pressure, submit::Submit,
    webhook::Webhooks,
};

pub use announce::announce_first;
pub use config::MigrateConfig;
pub use errand::Errands;
pub use share::Share;

/// What a migrator works with.
pub struct Migrator {
    pub config: MigrateConfig,
    pub ledger: Ledger,
    pub queue: Queue,
    pub bus: Bus,
    pub fleet: Arc<Fleet>,
    pub fetcher: Fetcher,
    /// Of bytes in memory, also the fetcher's.
    pub budget: Budget,
    pub prepare: prepare::Pool,
    /// As many as there are decoding processes: bulk must not fill the line before them.
    pub preparing: Semaphore,
    pub submit: Submit,
    pub webhooks: Arc<Webhooks>,
    pub outside: Outside,
    /// What reads Parquet, as a process of its own.
    pub program: PathBuf,
    pub errands: Errands,
    pub share: Share,
    pub in_hand: InHand,
}

/// The shards in this process's hands. The broker delivers one again when its
/// connection is lost, while the first delivery is still being worked on: the
/// second then waits for what becomes of the first.
#[derive(Debug, Default)]
pub struct InHand(Mutex<HashMap<String, Arc<Mutex<()>>>>);

impl InHand {
    async fn take(&self, shard: &str) -> OwnedMutexGuard<()> {
        let mut all = self.0.lock().await;
        all.retain(|_, lock| Arc::strong_count(lock) > 1);
        let lock = all.entry(shard.to_owned()).or_default().clone();
        drop(all);
        lock.lock_owned().await
    }
}

/// Works until `shutdown`, then hands back what it holds.
pub async fn run(migrator: Arc<Migrator>, shutdown: Shutdown) {
    let sweeping = shutdown.run_until_cancelled(sweep::sweep(&migrator));
    let sharing = shutdown.run_until_cancelled(give_way(&migrator));
    let retaining = shutdown.run_until_cancelled(retain::retain(&migrator));
    tokio::join!(work(&migrator, &shutdown), sweeping, sharing, retaining);
}

/// Bulk takes what real-time leaves.
async fn give_way(migrator: &Migrator) {
    let target = migrator.config.realtime_wait();
    loop {
        tokio::time::sleep(pressure::TOLD_EVERY.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        // Without the bus there are no results either, and nothing to be shared.
        if let Ok(wait) = pressure::heard(&migrator.bus).await {
            migrator.share.step(wait.is_some_and(|wait| wait > target));
        }
    }
}

async fn work(migrator: &Arc<Migrator>, shutdown: &Shutdown) {
    let mut shards = migrator
        .queue
        .consume_shards(migrator.config.migrate_shards, shutdown.clone());
    let mut in_hand = JoinSet::new();
    loop {
        tokio::select! {
            delivery = shards.next() => match delivery {
                Some(delivery) => drop(in_hand.spawn(shard::handle(migrator.clone(), delivery, shutdown.clone()))),
                None => break,
            },
            Some(ended) = in_hand.join_next() => report(ended),
        }
    }
    while let Some(ended) = in_hand.join_next().await {
        report(ended);
    }
}

/// A task that panicked dropped its delivery, which so went back to the queue.
fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the work on a shard panicked; it is taken up again");
    }
}
