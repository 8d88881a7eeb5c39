//! What the ledger holds of a batch.

use std::collections::BTreeMap;

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::TagQuery,
};
use serde::{Deserialize, Serialize};

use crate::{forecast::Forecast, tally::Tally};

/// What the time in an id is counted down from.
const MOST_MS: u64 = (1 << 48) - 1;

/// Whose batch, and which. Tenants never share a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchKey {
    pub tenant: String,
    pub id: String,
}

impl BatchKey {
    pub fn new(tenant: &str, id: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            id: id.to_owned(),
        }
    }

    /// An id that a store lists before all that were made earlier.
    pub fn random_id(now_ms: u64) -> String {
        format!(
            "batch_{:012x}{:020x}",
            MOST_MS - now_ms.min(MOST_MS),
            rand::random::<u128>() >> 48
        )
    }

    /// Returns when its id was made.
    pub fn created_ms(&self) -> Option<u64> {
        let digits = self.id.strip_prefix("batch_")?.get(..12)?;
        MOST_MS.checked_sub(u64::from_str_radix(digits, 16).ok()?)
    }

    /// Returns whether a text may be an id: nothing else is looked for in the store.
    pub fn is_id(text: &str) -> bool {
        let digits = text.strip_prefix("batch_").unwrap_or_default();
        digits.len() == 32
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }

    pub fn folder(&self) -> String {
        format!("batches/{}/{}", self.tenant, self.id)
    }

    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.folder())
    }

    pub fn open(&self) -> String {
        format!("open/{}/{}", self.tenant, self.id)
    }

    pub fn call(&self, number: usize) -> String {
        self.file(&format!("calls/{number:08}"))
    }

    pub fn shard(&self, shard: u32) -> String {
        self.file(&format!("shards/{shard:08}.ndjson"))
    }

    pub fn results(&self, shard: u32) -> String {
        self.file(&format!("results/{shard:08}.ndjson"))
    }

    pub fn scores(&self, shard: u32) -> String {
        self.file(&format!("scores/{shard:08}.parquet"))
    }

    pub fn log(&self, shard: u32) -> String {
        self.file(&format!("log/{shard:08}"))
    }

    pub fn page(&self, shard: u32, page: usize) -> String {
        self.file(&format!("log/{shard:08}/{page:06}.ndjson"))
    }

    /// The job of an item: the same whenever it is tried, so that it is done once. `place`: that in the batch, from 0; people
    /// count from 1. (`item_…` counted from 0; those of before must not be taken for these.)
    pub fn job(&self, place: u64) -> String {
        let batch = self.id.trim_start_matches("batch_");
        format!("row_{batch}_{}", place + 1)
    }
}

/// One image of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub custom_id: String,
    pub url: String,
    /// Its row in the list, from 1, where that is not its place in the batch: in a sample of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Why its row is no image: it ends as an error, and is never looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

impl Item {
    pub fn new(custom_id: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            custom_id: custom_id.into(),
            url: url.into(),
            row: None,
            wrong: None,
        }
    }

    /// Returns what becomes of it before anything is done.
    pub fn fault(&self) -> Option<Fault> {
        let why = self.wrong.as_deref()?;
        Some(Fault::new(Code::InvalidRow, Stage::Admit, why))
    }
}

/// What is asked of every image, fixed when the batch is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub id: String,
    pub tenant: String,
    pub created_s: u64,
    /// Items of each shard but the last, and but those that have `shard_bytes` before.
    pub shard_items: u32,
    /// A shard ends with the item that brings it to so many bytes. Batches of before have no such bound.
    #[serde(default)]
    pub shard_bytes: Option<u64>,
    pub asked: TagQuery,
    pub model: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// What is not done by then ends as `batch_expired`.
    pub expires_s: Option<u64>,
    /// Told when it ends.
    #[serde(default)]
    pub webhook_url: Option<String>,
    /// Where its items are, if they did not come with it.
    #[serde(default)]
    pub manifest: Option<Manifest>,
    /// Its items are a sample of the list that came.
    #[serde(default)]
    pub dry_run: Option<DryRun>,
    /// Where its results go, beside the ledger.
    #[serde(default)]
    pub output: Option<String>,
    /// A row that is wrong refuses the list.
    #[serde(default)]
    pub strict: bool,
    /// The batch of whose failures it consists.
    #[serde(default)]
    pub retry_of: Option<String>,
    /// The batch of whose scores its tags are made. It has as many shards as that one, and no list of its own.
    #[serde(default)]
    pub retag_of: Option<String>,
}

/// What became of results that go elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub files: u64,
    pub fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DryRun {
    /// The share of the list that is sampled.
    pub share: f64,
    pub seed: u64,
    /// Items of each shard, were it no dry run.
    pub shard_items: u32,
}

/// A list that lies elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub url: String,
    pub kind: manifest::Kind,
    pub max_items: u64,
    /// Which columns are meant.
    #[serde(default)]
    pub columns: manifest::Columns,
}

impl Request {
    pub fn key(&self) -> BatchKey {
        BatchKey::new(&self.tenant, &self.id)
    }

    /// The batch of whose scores its tags are made, where it is one of those.
    pub fn source(&self) -> Option<BatchKey> {
        let source = self.retag_of.as_ref()?;
        Some(BatchKey::new(&self.tenant, source))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sealed {
    pub total: u64,
    pub shards: u32,
    pub sealed_s: u64,
    /// Items of the list, of which a dry run has a sample.
    #[serde(default)]
    pub listed: u64,
}

impl Sealed {
    /// Says that there will be no list: it is being removed.
    pub fn void(sealed_s: u64) -> Self {
        Self {
            total: 0,
            shards: 0,
            sealed_s,
            listed: 0,
        }
    }

    /// A list has one shard at the least.
    pub fn is_void(&self) -> bool {
        self.shards == 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    Completed,
    /// Its list could not be taken in.
    Failed,
    Cancelled,
    Expired,
}

impl FinalStatus {
    /// Returns how a batch ended whose every item is counted.
    pub fn of(tally: &Tally) -> Self {
        if tally.by_code.contains_key("batch_cancelled") {
            Self::Cancelled
        } else if tally.by_code.contains_key("batch_expired") {
            Self::Expired
        } else {
            Self::Completed
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Final {
    pub status: FinalStatus,
    pub finished_s: u64,
    pub tally: Tally,
    /// What was wrong with the list.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// What a dry run has found.
    #[serde(default)]
    pub forecast: Option<Forecast>,
}

impl Final {
    /// Returns the end of a batch of which nothing was begun.
    pub fn before_any_item(status: FinalStatus, finished_s: u64, fault: Option<Fault>) -> Self {
        Self {
            status,
            finished_s,
            tally: Tally::default(),
            fault,
            forecast: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_ids_come_first() {
        let old = BatchKey::random_id(1_000);
        let new = BatchKey::random_id(1_001);
        assert!(new < old && BatchKey::is_id(&new));
        assert_ne!(BatchKey::random_id(1_000), old);
        assert_eq!(BatchKey::new("shop", &new).created_ms(), Some(1_001));
    }

    #[test]
    fn nothing_else_passes_for_an_id() {
        let id = BatchKey::random_id(1_700_000_000_000);
        for text in [
            "",
            "batch_",
            "../x",
            &id[1..],
            &format!("{id}/"),
            &format!("{id}0"),
            &id.to_uppercase(),
        ] {
            assert!(!BatchKey::is_id(text), "{text}");
        }
    }
}
