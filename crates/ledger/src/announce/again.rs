//! Shards that were called once more, since they seemed to be in neither queue
//! nor hands. Their earlier messages may still be somewhere, so a message says
//! by which call it was made: whoever gets one of an earlier call drops it.

use std::ops::Range;

use bytes::Bytes;

use crate::{BatchKey, Ledger, LedgerError};

const SAID: &str = ".said";

/// One call of shards that were called before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAgain {
    /// Its number: seconds since 1970, so that a later call has a higher one.
    pub number: u64,
    why: String,
}

impl CallAgain {
    fn name(&self, key: &BatchKey) -> String {
        key.file(&format!("again/{:012}-{}", self.number, self.why))
    }

    fn of(name: &str) -> Option<Self> {
        let (number, why) = name.strip_suffix(SAID)?.split_once('-')?;
        Some(Self {
            number: number.parse().ok()?,
            why: why.to_owned(),
        })
    }
}

impl Ledger {
    /// Calls shards once more, if the caller is the first of all who find at about the same time that they are lost. One who
    /// dies over it is followed by another in the next span of `every_s`.
    pub async fn call_again(
        &self,
        key: &BatchKey,
        why: &str,
        now_s: u64,
        every_s: u64,
    ) -> Result<Option<CallAgain>, LedgerError> {
        let every_s = every_s.max(1);
        let call = CallAgain {
            number: now_s - now_s % every_s,
            why: why.to_owned(),
        };
        let is_ours = self.store.put_new(&call.name(key), Bytes::new()).await?;
        Ok(is_ours.then_some(call))
    }

    /// These shards are in the queue: from here on, their messages of earlier calls are dropped.
    pub async fn said_again(
        &self,
        key: &BatchKey,
        call: &CallAgain,
        shards: &Range<u32>,
    ) -> Result<(), LedgerError> {
        let name = format!("{}{SAID}", call.name(key));
        self.write(&name, &(shards.start, shards.end)).await?;
        Ok(())
    }

    /// Returns whether a shard was called once more after the call that made a message.
    pub async fn is_called_since(
        &self,
        key: &BatchKey,
        shard: u32,
        number: u64,
    ) -> Result<bool, LedgerError> {
        let listed = self.store.list(&key.file("again")).await?;
        let calls = listed
            .iter()
            .filter_map(|listed| CallAgain::of(&listed.name));
        for call in calls.filter(|call| call.number > number) {
            let name = format!("{}{SAID}", call.name(key));
            let shards: Option<(u32, u32)> = self.read(&name).await?;
            if shards.is_some_and(|(start, end)| (start..end).contains(&shard)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use common::store::{Store, StoreConfig};

    use super::*;

    fn in_memory() -> (Ledger, BatchKey) {
        let config = StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        };
        let store = Store::open(&config).expect("opens");
        (Ledger::new(store), BatchKey::new("shop", "batch_1"))
    }

    #[tokio::test]
    async fn one_of_many_calls_again() {
        let (ledger, key) = in_memory();
        let call = |now_s| ledger.call_again(&key, "still", now_s, 60);
        let calls = futures_util::future::join_all([60, 61, 90, 119].map(call)).await;
        let calls = calls.into_iter().map(|call| call.expect("answers"));
        assert_eq!(calls.filter(Option::is_some).count(), 1);
        let next = call(120).await.expect("answers").expect("a span later");
        assert_eq!(next.number, 120);
    }

    #[tokio::test]
    async fn messages_of_an_earlier_call_are_known_once_the_later_ones_are_in_the_queue() {
        let (ledger, key) = in_memory();
        let is_old = async |shard, number| {
            let is_old = ledger.is_called_since(&key, shard, number).await;
            is_old.expect("answers")
        };
        let call = ledger.call_again(&key, "still", 1_800, 1_800).await;
        let call = call.expect("answers").expect("the first");
        assert!(
            !is_old(2, 0).await,
            "whoever called may die before it is said"
        );
        ledger.said_again(&key, &call, &(0..4)).await.expect("said");
        assert!(is_old(2, 0).await);
        assert!(
            !is_old(4, 0).await,
            "it was called for the first time later"
        );
        assert!(!is_old(2, call.number).await, "its own messages stay");
    }
}
