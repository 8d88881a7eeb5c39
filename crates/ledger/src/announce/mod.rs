//! Which shards are in the queue. Not all at once: a tenant's batches together
//! have about as many as migrators have in hand, and as many again, so that a
//! batch that comes later, whosever it is, waits for few.

mod again;

use std::ops::Range;

use common::{
    queue::{Queue, QueueError},
    wire::{self, Shard},
};

use crate::{BatchKey, Calls, Ledger, LedgerError, Sealed, Survey};

/// A migrator works on two while up to four wait for their last images, and finds the next two without a pause.
const PER_MIGRATOR: u64 = 8;
/// The number of all calls of shards that were not called before.
const FIRST_CALL: u64 = 0;
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
    let announced = async {
        let batches = ledger.open_batches_of(&key.tenant).await?;
        let left = Left {
            finished: 0,
            called: 0,
            shards: sealed.shards,
        };
        announce_next(queue, ledger, key, left, batches).await
    };
    if let Err(error) = announced.await {
        tracing::warn!(%error, batch = key.id, "the batch's shards are announced later");
    }
}

/// What is left to be called of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// Shards that are finished.
    pub finished: u32,
    /// Shards that are known to be called.
    pub called: u32,
    pub shards: u32,
}

/// As many shards as may be ahead of those that are finished. `batches`: of the tenant, that are open.
pub async fn announce_next(
    queue: &Queue,
    ledger: &Ledger,
    key: &BatchKey,
    left: Left,
    batches: usize,
) -> Result<(), AnnounceError> {
    let migrators = queue.shard_depth().await?.consumers;
    let ahead = left.finished.saturating_add(ahead(migrators, batches));
    let up_to = ahead.min(left.shards);
    if up_to <= left.called {
        return Ok(());
    }
    if let Some(call) = ledger.call(key, up_to).await? {
        for number in call.shards {
            publish(queue, key, number, FIRST_CALL).await?;
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
    pub survey: &'a Survey,
    pub calls: &'a Calls,
    pub why: Lost,
    pub now_s: u64,
    /// Seconds in which the shards of a batch that stands still are announced once.
    pub span_s: u64,
}

impl LostShards<'_> {
    /// All migrators find the same at about the same time. The ledger decides which of them announces.
    pub async fn announce(&self, queue: &Queue, ledger: &Ledger) -> Result<(), AnnounceError> {
        match self.why {
            // Nobody else has this queue.
            Lost::Forgotten => {
                let shards = 0..self.calls.up_to;
                self.publish_all(queue, shards, self.now_s).await?;
                for call in &self.calls.unsaid {
                    ledger.said(self.key, *call).await?;
                }
                Ok(())
            }
            Lost::StandsStill => {
                let shards = 0..self.calls.up_to;
                self.call_again(queue, ledger, "still", self.span_s, shards)
                    .await?;
                Ok(())
            }
            Lost::Unsaid(call) => {
                let shards = ledger.called(self.key, call).await?;
                let why = format!("unsaid-{call:08}");
                let is_said = self
                    .call_again(queue, ledger, &why, UNSAID_SPAN_S, shards)
                    .await?;
                if is_said {
                    ledger.said(self.key, call).await?;
                }
                Ok(())
            }
        }
    }

    /// `false`: somebody else does it.
    async fn call_again(
        &self,
        queue: &Queue,
        ledger: &Ledger,
        why: &str,
        span_s: u64,
        shards: Range<u32>,
    ) -> Result<bool, AnnounceError> {
        let call = ledger.call_again(self.key, why, self.now_s, span_s);
        let Some(call) = call.await? else {
            return Ok(false);
        };
        self.publish_all(queue, shards.clone(), call.number).await?;
        ledger.said_again(self.key, &call, &shards).await?;
        Ok(true)
    }

    async fn publish_all(
        &self,
        queue: &Queue,
        shards: Range<u32>,
        call: u64,
    ) -> Result<(), QueueError> {
        let BatchKey { tenant, id } = self.key;
        let why = self.why;
        tracing::info!(
            tenant,
            batch = id,
            ?why,
            ?shards,
            "lost shards are announced"
        );
        for number in shards.filter(|shard| !self.survey.is_finished(*shard)) {
            publish(queue, self.key, number, call).await?;
        }
        Ok(())
    }
}

/// `call`: the call that makes this message.
pub async fn publish(
    queue: &Queue,
    key: &BatchKey,
    number: u32,
    call: u64,
) -> Result<(), QueueError> {
    let shard = Shard {
        call,
        ..Shard::new(&key.tenant, &key.id, number)
    };
    queue.publish_shard(wire::encode(&shard).into()).await
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
        assert_eq!((ahead(0, 1), ahead(1, 1), ahead(20, 1)), (8, 8, 160));
        assert_eq!(
            (ahead(20, 3), ahead(1, 2), ahead(1, 1_000)),
            (54, 4, 1),
            "each goes on"
        );
    }
}
