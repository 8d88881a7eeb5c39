//! Which shards are in the queue. Not all at once: a tenant's batches together
//! have about as many as migrators have in hand, and as many again, so that a
//! batch that comes later, whosever it is, waits for few.

use std::ops::Range;

use common::{
    queue::{Queue, QueueError},
    wire::{self, Shard},
};

use crate::{BatchKey, Ledger, LedgerError, Progress, Sealed};

/// A migrator works on two, and finds the next two without a pause.
const PER_MIGRATOR: u64 = 4;

#[derive(Debug, thiserror::Error)]
pub enum AnnounceError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// For a batch that has just come. What cannot be announced now is announced by the sweep.
pub async fn announce_first(queue: &Queue, ledger: &Ledger, key: &BatchKey, sealed: Sealed) {
    if let Err(error) = announce_next(queue, ledger, key, 0, sealed.shards).await {
        tracing::warn!(%error, batch = key.id, "the batch's shards are announced later");
    }
}

/// As many shards as may be ahead of those that are `finished`.
pub async fn announce_next(
    queue: &Queue,
    ledger: &Ledger,
    key: &BatchKey,
    finished: u32,
    shards: u32,
) -> Result<(), AnnounceError> {
    let (migrators, batches) = (
        queue.shard_depth().await?.consumers,
        ledger.open_batches_of(&key.tenant).await?.len(),
    );
    let up_to = finished
        .saturating_add(ahead(migrators, batches))
        .min(shards);
    if let Some(call) = ledger.call(key, up_to).await? {
        for number in call.shards {
            publish(queue, key, number).await?;
        }
        ledger.said(key, call.number).await?;
    }
    Ok(())
}

/// Whatever should be in the queue or in hands, where it may be in neither.
pub async fn announce_again(
    queue: &Queue,
    key: &BatchKey,
    progress: &Progress,
    shards: Range<u32>,
) -> Result<(), QueueError> {
    for number in shards.filter(|shard| !progress.is_finished(*shard)) {
        publish(queue, key, number).await?;
    }
    Ok(())
}

pub async fn publish(queue: &Queue, key: &BatchKey, number: u32) -> Result<(), QueueError> {
    queue
        .publish_shard(wire::encode(&Shard::new(&key.tenant, &key.id, number)).into())
        .await
}

/// Shards of one batch beyond those that are done. `batches`: of its tenant, that are open.
fn ahead(migrators: u64, batches: usize) -> u32 {
    let most = migrators.max(1).saturating_mul(PER_MIGRATOR);
    most.div_ceil(batches.max(1) as u64)
        .try_into()
        .unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_batches_share_what_migrators_can_take() {
        assert_eq!((ahead(0, 1), ahead(1, 1), ahead(20, 1)), (4, 4, 80));
        assert_eq!(
            (ahead(20, 3), ahead(1, 2), ahead(1, 1_000)),
            (27, 2, 1),
            "each goes on"
        );
    }
}
