//! Shards in hand: each delivery is worked on in a task of its own.

mod delivery;
mod host_pauses;
mod item;
mod known;
mod retry;
mod run;
mod schedule;
#[cfg(test)]
mod simulation;
mod stand_ins;
mod targets;

use std::sync::Arc;

use common::shutdown::Shutdown;
use tokio::task::{JoinError, JoinSet};

use crate::context::Migrator;
use stand_ins::StandIns;

/// Takes shards until `shutdown`, then waits for those in hand.
pub async fn work(migrator: &Arc<Migrator>, shutdown: &Shutdown) {
    let queue = &migrator.resources.queue;
    let mut shards = queue.consume_shards(migrator.config.migrate_shards, shutdown.clone());
    let waiting = migrator.config.migrate_waiting_shards;
    let (stand_ins, mut asked) = StandIns::new(waiting.into());
    let mut in_hand = JoinSet::new();
    loop {
        tokio::select! {
            delivery = shards.next() => {
                let Some(delivery) = delivery else { break };
                let stand_ins = stand_ins.clone();
                in_hand.spawn(delivery::handle(migrator.clone(), stand_ins, delivery, shutdown.clone()));
            }
            Some(stand_in) = asked.recv() => {
                in_hand.spawn(stand_in.work(migrator.clone(), stand_ins.clone(), shutdown.clone()));
            }
            Some(ended) = in_hand.join_next() => report(ended),
        }
    }
    while let Some(ended) = in_hand.join_next().await {
        report(ended);
    }
}

/// A task that panicked dropped its delivery, which so went back to the queue.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the work on a shard panicked; it is taken up again");
    }
}
