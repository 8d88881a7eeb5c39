//! Which shards of a batch were called to be worked on. A row of objects, as
//! the log of a shard: each says up to which shard, and whoever writes the next
//! one, which one caller alone can do, puts what is between them into the
//! queue. So no shard is called twice, whoever calls and whenever.

use std::{collections::BTreeSet, ops::Range};

use bytes::Bytes;

use crate::{BatchKey, Ledger, LedgerError};

/// How many calls of one batch are kept. The last one says it all; those before are for callers that are slow.
const KEPT: usize = 64;
const SAID: &str = ".said";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// All shards before this one were called.
    pub up_to: u32,
    /// Calls of which nobody has said that their shards are in the queue.
    pub unsaid: Vec<usize>,
    next: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub number: usize,
    pub shards: Range<u32>,
}

impl Ledger {
    pub async fn calls(&self, key: &BatchKey) -> Result<Calls, LedgerError> {
        loop {
            let listed = self.store.list(&key.file("calls")).await?;
            let mut made = BTreeSet::new();
            let mut said = BTreeSet::new();
            for name in listed.iter().map(|listed| &listed.name) {
                match name.strip_suffix(SAID) {
                    Some(number) => said.extend(number.parse::<usize>().ok()),
                    None => made.extend(name.parse::<usize>().ok()),
                }
            }
            let unsaid = made.difference(&said).copied().collect();
            let Some(last) = made.last() else {
                return Ok(Calls {
                    up_to: 0,
                    unsaid,
                    next: 0,
                });
            };
            // Whoever is slow may find it cleared away.
            if let Some(up_to) = self.read(&key.call(*last)).await? {
                return Ok(Calls {
                    up_to,
                    unsaid,
                    next: last + 1,
                });
            }
        }
    }

    /// Calls the shards before `up_to` that were not called yet. `None`: there are none.
    pub async fn call(&self, key: &BatchKey, up_to: u32) -> Result<Option<Call>, LedgerError> {
        loop {
            let calls = self.calls(key).await?;
            if up_to <= calls.up_to {
                return Ok(None);
            }
            if self.write(&key.call(calls.next), &up_to).await? {
                return Ok(Some(Call {
                    number: calls.next,
                    shards: calls.up_to..up_to,
                }));
            }
        }
    }

    /// Returns the shards that a call has called.
    pub async fn called(&self, key: &BatchKey, number: usize) -> Result<Range<u32>, LedgerError> {
        let up_to: u32 = self.read(&key.call(number)).await?.unwrap_or(0);
        let before = match number.checked_sub(1) {
            Some(before) => self.read(&key.call(before)).await?.unwrap_or(0),
            None => 0,
        };
        Ok(before..up_to)
    }

    /// The shards of that call are in the queue.
    pub async fn said(&self, key: &BatchKey, number: usize) -> Result<(), LedgerError> {
        self.store
            .put_new(&format!("{}{SAID}", key.call(number)), Bytes::new())
            .await?;
        if let Some(old) = number.checked_sub(KEPT) {
            self.store.delete(&key.call(old)).await?;
            self.store
                .delete(&format!("{}{SAID}", key.call(old)))
                .await?;
        }
        Ok(())
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
        (
            Ledger::new(Store::open(&config).expect("opens")),
            BatchKey::new("shop", "batch_1"),
        )
    }

    #[tokio::test]
    async fn every_shard_is_called_once_whoever_calls() {
        let (ledger, key) = in_memory();
        let mut called = Vec::new();
        // As shards are done, by several that finish some at the same time.
        for finished in 0..300 {
            let calls = [0, 1, 0].map(|more| ledger.call(&key, finished + 4 + more));
            for call in futures_util::future::join_all(calls).await {
                if let Some(call) = call.expect("answers") {
                    called.extend(call.shards);
                    ledger.said(&key, call.number).await.expect("answers");
                }
            }
        }
        called.sort_unstable();
        assert_eq!(called, (0..304).collect::<Vec<_>>());
        let kept = ledger
            .store
            .list(&key.file("calls"))
            .await
            .expect("lists")
            .len();
        assert!(kept <= 2 * (KEPT + 1), "{kept} are kept");
    }

    #[tokio::test]
    async fn a_call_knows_its_shards() {
        let (ledger, key) = in_memory();
        for up_to in [4, 7] {
            ledger.call(&key, up_to).await.expect("answers");
        }
        assert_eq!(ledger.called(&key, 0).await.expect("answers"), 0..4);
        assert_eq!(ledger.called(&key, 1).await.expect("answers"), 4..7);
    }

    #[tokio::test]
    async fn whose_shards_may_not_be_in_the_queue_is_known() {
        let (ledger, key) = in_memory();
        let call = ledger
            .call(&key, 4)
            .await
            .expect("answers")
            .expect("the first");
        assert_eq!(
            call,
            Call {
                number: 0,
                shards: 0..4
            }
        );
        assert_eq!(
            ledger.calls(&key).await.expect("answers"),
            Calls {
                up_to: 4,
                unsaid: vec![0],
                next: 1
            }
        );
        assert_eq!(
            ledger.call(&key, 3).await.expect("answers"),
            None,
            "fewer than before are none"
        );
        ledger.said(&key, 0).await.expect("answers");
        assert!(ledger.calls(&key).await.expect("answers").unsaid.is_empty());
    }
}
