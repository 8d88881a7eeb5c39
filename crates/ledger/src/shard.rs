//! The items of a shard, as they are stored and as they are in hand.

use bytes::Bytes;
use common::budget::{Budget, Held};
use serde::{Deserialize, Serialize};

use crate::{BatchKey, Item, Ledger, LedgerError, Request};

/// Bytes of a shard of long URLs. What it takes in memory is a small multiple of it, for each shard in hand.
pub const SHARD_BYTES: u64 = 16 << 20;
/// A shard in hand lies in memory as it came, as its items, and as their lines on the way into the log.
const COPIES: usize = 3;

/// The first line of a shard that does not begin where it would if all before it had their full number of items.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    first: u64,
}

/// A shard in hand. It counts as bytes in memory as long as it lives.
#[derive(Debug)]
pub struct ShardItems {
    /// The first item's place in the batch.
    pub first: u64,
    pub items: Vec<Item>,
    _held: Held,
}

impl ShardItems {
    fn read(lines: &[u8], first: u64, held: Held) -> serde_json::Result<Self> {
        let lines = lines.split(|byte| *byte == b'\n');
        let mut lines = lines.filter(|line| !line.is_empty()).peekable();
        let head = lines
            .peek()
            .and_then(|line| serde_json::from_slice(line).ok());
        let first = match head {
            Some(Head { first }) => {
                lines.next();
                first
            }
            None => first,
        };
        let items: serde_json::Result<_> = lines.map(serde_json::from_slice).collect();
        Ok(Self {
            first,
            items: items?,
            _held: held,
        })
    }
}

/// Begins a shard whose first item has that place in the batch.
pub fn begin(request_items: u32, shard: u32, first: u64) -> Vec<u8> {
    if first == place(request_items, shard) {
        return Vec::new();
    }
    let mut line = serde_json::to_vec(&Head { first }).expect("a number is JSON");
    line.push(b'\n');
    line
}

fn place(shard_items: u32, shard: u32) -> u64 {
    u64::from(shard) * u64::from(shard_items)
}

impl Ledger {
    /// Stores a shard. `false`: there is another one in its place. The same one twice is one.
    pub async fn put_shard(
        &self,
        key: &BatchKey,
        shard: u32,
        items: Bytes,
    ) -> Result<bool, LedgerError> {
        let name = key.shard(shard);
        if self.store.put_new(&name, items.clone()).await? {
            return Ok(true);
        }
        let there = self.store.get(&name).await?;
        Ok(there.is_some_and(|there| there == items))
    }

    /// Takes a shard into memory, if `budget` has room for it.
    pub async fn shard(
        &self,
        request: &Request,
        shard: u32,
        budget: &Budget,
    ) -> Result<Option<ShardItems>, LedgerError> {
        let name = request.key().shard(shard);
        let Some((lines, held)) = self.store.get_within(&name, budget, COPIES).await? else {
            return Ok(None);
        };
        let first = place(request.shard_items, shard);
        ShardItems::read(&lines, first, held)
            .map(Some)
            .map_err(|error| LedgerError::Unreadable(name, error.to_string()))
    }
}
