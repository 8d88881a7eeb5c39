//! Scores that are kept of a batch's images, and batches that are made of them.

use bytes::Bytes;
use common::budget::{Budget, Held};

use crate::{BatchKey, Kind, Ledger, LedgerError, ShardResult};

/// A shard's scores in hand lie in memory as they came, and some of them as they are unpacked.
const COPIES: usize = 2;

/// What there is of a finished shard's scores.
#[derive(Debug)]
pub enum FoundScores {
    There(Bytes, Held),
    /// None of its items was tagged.
    Empty,
    /// They were removed with their batch, or never kept.
    Gone,
}

impl Ledger {
    /// Takes a shard's scores into memory, if `budget` has room for them.
    pub async fn scores(
        &self,
        key: &BatchKey,
        shard: u32,
        budget: &Budget,
    ) -> Result<FoundScores, LedgerError> {
        let name = key.scores(shard);
        if let Some((table, held)) = self.store.get_within(&name, budget, COPIES).await? {
            return Ok(FoundScores::There(table, held));
        }
        let result = self.head(&key.results(shard)).await?;
        let is_empty = result.is_some_and(|(head, _)| head.tally.of(Kind::Completed) == 0);
        Ok(match is_empty {
            true => FoundScores::Empty,
            false => FoundScores::Gone,
        })
    }

    /// Returns whether every item of a shard has ended.
    pub async fn is_finished(&self, key: &BatchKey, shard: u32) -> Result<bool, LedgerError> {
        Ok(self.store.exists(&key.results(shard)).await?)
    }

    /// Ends a shard of which nothing was logged. Somebody else may have done so meanwhile: then that stays.
    pub async fn finish_shard(
        &self,
        key: &BatchKey,
        shard: u32,
        result: ShardResult,
    ) -> Result<(), LedgerError> {
        let parts = result.into_parts();
        self.store.put_new_parts(&key.results(shard), parts).await?;
        Ok(())
    }
}
