//! Which shards are in the queue. Not all at once: a tenant's batches together
//! have about as many as migrators have in hand, and as many again, so that a
//! batch that comes later, whosever it is, waits for few.

use std::ops::Range;

use common::{
    queue::{Queue, QueueError},
    wire::{self, Shard},
};

use crate::{BatchKey, Calls, Ledger, LedgerError, Progress, Sealed};

/// A migrator works on two, and finds the next two without a pause.
const PER_MIGRATOR: u64 = 4;
/// Seconds in which the shards of a call that was left half-way are announced once: who does it may die over it.
const UNSAID_SPAN_S: u64 = 10;

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

/// Why shards that were called are to be put into the queue once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The process was started anew, and its queue is in memory.
    Forgotten,
    /// Whoever made this call did not come to it.
    Unsaid(usize),
    /// Nothing of the batch moves.
    StandsStill,
}

/// Shards that may be in neither queue nor hands.
#[derive(Debug)]
pub struct LostShards<'a> {
    pub key: &'a BatchKey,
    pub progress: &'a Progress,
    pub calls: &'a Calls,
    pub why: Lost,
    pub now_s: u64,
    /// Seconds in which the shards of a batch that stands still are announced once.
    pub span_s: u64,
}

impl LostShards<'_> {
    /// All migrators find the same at about the same time. The ledger decides which of them announces.
    pub async fn announce(&self, queue: &Queue, ledger: &Ledger) -> Result<(), AnnounceError> {
        let Some(shards) = self.claim(ledger).await? else {
            return Ok(());
        };
        let (tenant, batch, why) = (&self.key.tenant, &self.key.id, self.why);
        tracing::info!(tenant, batch, ?why, ?shards, "lost shards are announced");
        for number in shards.filter(|shard| !self.progress.is_finished(*shard)) {
            publish(queue, self.key, number).await?;
        }
        match self.why {
            Lost::Unsaid(call) => ledger.said(self.key, call).await?,
            Lost::Forgotten => {
                for call in &self.calls.unsaid {
                    ledger.said(self.key, *call).await?;
                }
            }
            Lost::StandsStill => {}
        }
        Ok(())
    }

    /// Returns the shards, if it is the caller who announces them.
    async fn claim(&self, ledger: &Ledger) -> Result<Option<Range<u32>>, LedgerError> {
        let called = 0..self.calls.up_to;
        let (name, span_s, shards) = match self.why {
            // Nobody else has this queue.
            Lost::Forgotten => return Ok(Some(called)),
            Lost::StandsStill => ("still".to_owned(), self.span_s, called),
            Lost::Unsaid(call) => {
                let shards = ledger.called(self.key, call).await?;
                (format!("unsaid-{call:08}"), UNSAID_SPAN_S, shards)
            }
        };
        let is_ours = ledger.call_again(self.key, &name, self.now_s, span_s);
        Ok(is_ours.await?.then_some(shards))
    }
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
