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

use std::{future::pending, num::NonZeroU16, sync::Arc};

use common::shutdown::Shutdown;
use tokio::task::{JoinError, JoinSet};

use crate::context::Migrator;
use stand_ins::{StandIn, StandIns};

/// Takes shards until `shutdown`, then waits for those in hand.
pub async fn work(migrator: &Arc<Migrator>, shutdown: &Shutdown) {
    let queue = &migrator.resources.queue;
    let mut shards = queue.consume_shards(migrator.config.shards(), shutdown.clone());
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
                let migrator = migrator.clone();
                in_hand.spawn(work_beside(migrator, stand_in, stand_ins.clone(), shutdown.clone()));
            }
            Some(ended) = in_hand.join_next() => report(ended),
        }
    }
    while let Some(ended) = in_hand.join_next().await {
        report(ended);
    }
}

/// Takes shards one after the other, until the one that asked for it waits no longer. The one in hand then is done to its end.
async fn work_beside(
    migrator: Arc<Migrator>,
    stand_in: StandIn,
    stand_ins: StandIns,
    shutdown: Shutdown,
) {
    let queue = &migrator.resources.queue;
    let mut shards = queue.consume_shards(NonZeroU16::MIN, stand_in.over.clone());
    let working = async {
        // What was handed back as this process stops would come again at once.
        while !shutdown.is_cancelled()
            && let Some(taken) = shards.next().await
        {
            let stand_ins = stand_ins.clone();
            delivery::handle(migrator.clone(), stand_ins, taken, shutdown.clone()).await;
        }
    };
    let stopping = async {
        shutdown.cancelled().await;
        stand_in.over.cancel();
        pending::<()>().await;
    };
    tokio::select! {
        () = working => {}
        () = stopping => {}
    }
}

/// A task that panicked dropped its delivery, which so went back to the queue.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the work on a shard panicked; it is taken up again");
    }
}
