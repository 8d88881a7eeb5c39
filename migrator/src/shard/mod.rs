//! One delivery of a shard, until it is finished, handed on, or goes back.

use std::{sync::Arc, time::Duration};

use common::{
    queue::{QueueError, ShardDelivery},
    shutdown::Shutdown,
    wire::{self, Shard},
};

use tokio::time::Instant;

use super::{
    Migrator,
    announce::{AnnounceError, announce_next, publish},
    run::{Ended, Run},
};
use crate::ledger::{BatchKey, LedgerError, Log};

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
            return tokio::time::sleep(PAUSE).await;
        }
    };
    let Shard {
        tenant,
        batch,
        number,
        ..
    } = &shard;
    // The broker's clock runs from here, whatever is waited for.
    let hand_on_at = Instant::now() + migrator.config.hold();
    let _in_hand = migrator
        .in_hand
        .take(&format!("{tenant}/{batch}/{number}"))
        .await;
    tracing::info!(
        tenant,
        batch,
        shard = number,
        attempt = delivery.attempt,
        "shard taken"
    );
    match work(&migrator, &shard, hand_on_at, &stop).await {
        Ok(Then::Ack) => match delivery.ack().await {
            Ok(true) => tracing::info!(tenant, batch, shard = number, "shard acked"),
            _ => tracing::info!(
                tenant,
                batch,
                shard = number,
                "shard done; the broker delivers it once more"
            ),
        },
        Ok(Then::GoBack) => tracing::info!(tenant, batch, shard = number, "shard goes back"),
        Err(error) => {
            tracing::warn!(%error, tenant, batch, shard = number, "shard goes back");
            tokio::time::sleep(PAUSE.mul_f64(0.5 + rand::random::<f64>())).await;
        }
    }
}

async fn work(
    migrator: &Arc<Migrator>,
    shard: &Shard,
    hand_on_at: Instant,
    stop: &Shutdown,
) -> Result<Then, ShardError> {
    let (ledger, key) = (&migrator.ledger, BatchKey::new(&shard.tenant, &shard.batch));
    let (Some(request), Some(sealed)) = (ledger.request(&key).await?, ledger.sealed(&key).await?)
    else {
        // Somebody has removed the batch.
        return Ok(Then::Ack);
    };
    if let Some(log) = Log::open(ledger, &key, shard.number).await? {
        let Some(items) = ledger.shard(&key, shard.number).await? else {
            return Ok(Then::Ack);
        };
        let first = u64::from(shard.number) * u64::from(request.shard_items);
        match Run::new(migrator.clone(), request.into(), log, items, first)
            .go(hand_on_at, stop)
            .await?
        {
            Ended::Done(log) => log.close().await?,
            Ended::Closed => {}
            Ended::HandOn if stop.is_cancelled() => return Ok(Then::GoBack),
            Ended::HandOn => {
                // A message of its own: the broker would count a return as a failure, and its clock for this delivery runs.
                publish(&migrator.queue, &key, shard.number).await?;
                return Ok(Then::Ack);
            }
        }
    } else {
        ledger.clear_log(&key, shard.number).await?;
    }
    // Before the ack, so that whoever gets it next does so if this process dies.
    let finished = ledger.finished_shards(&key).await?;
    announce_next(&migrator.queue, ledger, &key, finished, sealed.shards).await?;
    Ok(Then::Ack)
}
