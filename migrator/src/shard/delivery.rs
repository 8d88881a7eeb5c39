//! One delivery of a shard, until it is finished, handed on, or goes back.

use std::{sync::Arc, time::Duration};

use common::{
    queue::{QueueError, ShardDelivery},
    shutdown::Shutdown,
    wire::{self, Shard},
};
use ledger::{
    BatchKey, LedgerError, Log, Request,
    announce::{AnnounceError, announce_next, publish},
};
use tokio::time::{Instant, sleep};

use super::run::{Ended, Run};
use crate::context::Migrator;

/// Before a shard goes back that could not be worked on: it comes again at once.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum ShardError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Announce(#[from] AnnounceError),
}

/// What becomes of the delivery.
enum Then {
    Ack,
    GoBack,
}

pub async fn handle(migrator: Arc<Migrator>, delivery: ShardDelivery, stop: Shutdown) {
    let shard: Shard = match wire::decode(&delivery.payload) {
        Ok(shard) => shard,
        Err(error) => {
            // A newer migrator may read it.
            tracing::error!(%error, attempt = delivery.attempt, "shard not understood, sent back");
            return sleep(PAUSE).await;
        }
    };
    // The broker's clock runs from here, whatever is waited for.
    let hand_on_at = Instant::now() + migrator.config.hold();
    let Shard {
        tenant,
        batch,
        number,
        ..
    } = &shard;
    let name = format!("{tenant}/{batch}/{number}");
    let _in_hand = migrator.in_hand.take(&name).await;
    let attempt = delivery.attempt;
    tracing::info!(tenant, batch, shard = number, attempt, "shard taken");
    common::fail_point!("migrator.taken");
    match work(&migrator, &shard, hand_on_at, &stop).await {
        Ok(Then::Ack) => ack(delivery, &shard).await,
        Ok(Then::GoBack) => tracing::info!(tenant, batch, shard = number, "shard goes back"),
        Err(error) => {
            tracing::warn!(%error, tenant, batch, shard = number, "shard goes back");
            sleep(PAUSE.mul_f64(0.5 + rand::random::<f64>())).await;
        }
    }
}

async fn ack(delivery: ShardDelivery, shard: &Shard) {
    let what = match delivery.ack().await {
        Ok(true) => "shard acked",
        _ => "shard done; the broker delivers it once more",
    };
    let (tenant, batch) = (&shard.tenant, &shard.batch);
    tracing::info!(tenant, batch, shard = shard.number, "{what}");
}

async fn work(
    migrator: &Arc<Migrator>,
    shard: &Shard,
    hand_on_at: Instant,
    stop: &Shutdown,
) -> Result<Then, ShardError> {
    let queue = &migrator.resources.queue;
    let ledger = &migrator.resources.ledger;
    let key = BatchKey::new(&shard.tenant, &shard.batch);
    let Some(request) = ledger.request(&key).await? else {
        // Somebody has removed the batch.
        return Ok(Then::Ack);
    };
    let Some(sealed) = ledger.sealed(&key).await? else {
        return Ok(Then::Ack);
    };
    match open(migrator, request, &key, shard.number).await? {
        Opened::Gone => return Ok(Then::Ack),
        Opened::Finished => ledger.clear_log(&key, shard.number).await?,
        Opened::Run(run) => match run.go(hand_on_at, stop).await? {
            Ended::Done(log) => log.close().await?,
            Ended::Closed => {}
            Ended::HandOn if stop.is_cancelled() => return Ok(Then::GoBack),
            Ended::HandOn => {
                // A message of its own: the broker would count a return as a failure, and its clock for this delivery runs.
                publish(queue, &key, shard.number).await?;
                return Ok(Then::Ack);
            }
        },
    }
    common::fail_point!("migrator.closed");
    // Before the ack, so that whoever gets it next does so if this process dies.
    let finished = ledger.finished_shards(&key).await?;
    announce_next(queue, ledger, &key, finished, sealed.shards).await?;
    Ok(Then::Ack)
}

/// What is found of a shard.
enum Opened {
    /// The batch is being removed.
    Gone,
    /// Somebody else has finished it.
    Finished,
    Run(Box<Run>),
}

async fn open(
    migrator: &Arc<Migrator>,
    request: Request,
    key: &BatchKey,
    number: u32,
) -> Result<Opened, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let Some(log) = Log::open(ledger, key, number).await? else {
        return Ok(Opened::Finished);
    };
    let Some(items) = ledger.shard(key, number).await? else {
        return Ok(Opened::Gone);
    };
    let first = u64::from(number) * u64::from(request.shard_items);
    let run = Run::new(migrator.clone(), request.into(), log, items, first);
    Ok(Opened::Run(Box::new(run)))
}
