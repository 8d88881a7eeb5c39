//! Shards in hand: each delivery is worked on in a task of its own.

mod delivery;

use std::{future::pending, num::NonZeroU16, sync::Arc};

use common::shutdown::Shutdown;
use shards::{ExtraSlot, ExtraSlots};
use tokio::task::{JoinError, JoinSet};

use crate::context::Migrator;

/// Takes shards until `shutdown`, then waits for those in hand.
pub async fn work(migrator: &Arc<Migrator>, shutdown: &Shutdown) {
    let queue = &migrator.resources.queue;
    let mut shards = queue.consume_shards(migrator.config.shards(), shutdown.clone());
    let waiting = migrator.config.migrate_waiting_shards;
    let (extra_slots, mut asked) = ExtraSlots::new(waiting.into());
    let mut held_shards = JoinSet::new();
    loop {
        tokio::select! {
            delivery = shards.next() => {
                let Some(delivery) = delivery else { break };
                let extra_slots = extra_slots.clone();
                held_shards.spawn(delivery::handle(migrator.clone(), extra_slots, delivery, shutdown.clone()));
            }
            Some(extra_slot) = asked.recv() => {
                let migrator = migrator.clone();
                held_shards.spawn(work_beside(migrator, extra_slot, extra_slots.clone(), shutdown.clone()));
            }
            Some(ended) = held_shards.join_next() => report(ended),
        }
    }
    while let Some(ended) = held_shards.join_next().await {
        report(ended);
    }
}

/// Takes shards one after the other, until the one that asked for it waits no longer. The one in hand then is done to its end.
async fn work_beside(
    migrator: Arc<Migrator>,
    extra_slot: ExtraSlot,
    extra_slots: ExtraSlots,
    shutdown: Shutdown,
) {
    let queue = &migrator.resources.queue;
    let mut shards = queue.consume_shards(NonZeroU16::MIN, extra_slot.over.clone());
    let working = async {
        // What was handed back as this process stops would come again at once.
        while !shutdown.is_cancelled()
            && let Some(taken) = shards.next().await
        {
            let extra_slots = extra_slots.clone();
            delivery::handle(migrator.clone(), extra_slots, taken, shutdown.clone()).await;
        }
    };
    let stopping = async {
        shutdown.cancelled().await;
        extra_slot.over.cancel();
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
