//! Which shards are in the queue. Not all at once: of every batch only so many
//! are ahead of what is done, and each that is finished calls the next one. So
//! a batch of a thousand shards leaves room for one that comes later.

use common::{
    queue::{Queue, QueueError},
    wire::{self, Shard},
};

use crate::ledger::{BatchKey, Ledger, LedgerError, Progress, Sealed};

/// Of one batch, in the queue or in hands.
const AHEAD: u32 = 32;

/// For a batch that has just come. What cannot be announced now is announced by the sweep.
pub async fn announce_first(queue: &Queue, ledger: &Ledger, key: &BatchKey, sealed: Sealed) {
    // The list may have come before.
    if matches!(was_said(ledger, key).await, Ok(true)) {
        return;
    }
    let announced = async {
        for number in 0..sealed.shards.min(AHEAD) {
            publish(queue, key, number).await?;
        }
        Ok::<_, QueueError>(())
    };
    match announced.await {
        Ok(()) => said(ledger, key).await,
        Err(error) => tracing::warn!(%error, batch = key.id, "the batch's shards are announced later"),
    }
}

/// Whatever should be in the queue or in hands, where it may be in neither.
pub async fn announce_again(queue: &Queue, key: &BatchKey, progress: &Progress, shards: u32) -> Result<(), QueueError> {
    for number in outstanding(shards, |shard| progress.is_finished(shard)) {
        publish(queue, key, number).await?;
    }
    Ok(())
}

/// After a shard is finished, before it is acked.
pub async fn announce_next(queue: &Queue, key: &BatchKey, finished: u32, shards: u32) -> Result<(), QueueError> {
    match finished.checked_add(AHEAD) {
        Some(next) if next < shards => publish(queue, key, next).await,
        _ => Ok(()),
    }
}

pub async fn publish(queue: &Queue, key: &BatchKey, number: u32) -> Result<(), QueueError> {
    queue.publish_shard(wire::encode(&Shard::new(&key.tenant, &key.id, number)).into()).await
}

/// Notes that a batch's first shards were announced.
pub async fn said(ledger: &Ledger, key: &BatchKey) {
    if let Err(error) = ledger.set_announced(key).await {
        tracing::warn!(%error, batch = key.id, "the batch's shards are announced once more");
    }
}

pub async fn was_said(ledger: &Ledger, key: &BatchKey) -> Result<bool, LedgerError> {
    ledger.is_announced(key).await
}

fn outstanding(shards: u32, is_finished: impl Fn(u32) -> bool) -> Vec<u32> {
    let called = |shard: &u32| shard.checked_sub(AHEAD).is_none_or(&is_finished);
    (0..shards).filter(called).filter(|shard| !is_finished(*shard)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_is_called_is_always_what_is_outstanding() {
        let (shards, mut finished) = (100, HashSet::new());
        let mut queued: HashSet<u32> = (0..AHEAD).collect();
        while let Some(shard) = queued.iter().max_by_key(|shard| (*shard * 7) % 31).copied() {
            queued.remove(&shard);
            finished.insert(shard);
            queued.extend(Some(shard + AHEAD).filter(|next| *next < shards));
            let mut again = outstanding(shards, |shard| finished.contains(&shard));
            let mut should: Vec<_> = queued.iter().copied().collect();
            again.sort_unstable();
            should.sort_unstable();
            assert_eq!(again, should);
            assert!(queued.len() <= AHEAD as usize);
        }
        assert_eq!(finished.len(), shards as usize);
    }
}
