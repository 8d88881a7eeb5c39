//! The ledger of migrations: what is to be done and what became of it, as
//! objects that are written once. There is no table beside it: whoever reads
//! it, an API server or a migrator, before or after any crash, sees the same.
//!
//! ```text
//! open/{tenant}/{batch}                                     until all is said and done
//! idempotency/{tenant}/{hash of the key}                    which batch a key stands for
//! batches/{tenant}/{batch}/request.json                     what is asked
//! batches/{tenant}/{batch}/shards/{shard}.ndjson            items, as many to a shard as `request.json` says
//! batches/{tenant}/{batch}/warnings.json                    what was odd about the list, if anything was
//! batches/{tenant}/{batch}/sealed.json                      the list is whole: from here on it is worked on
//! batches/{tenant}/{batch}/intake/{number}                  whoever takes in a list that lies elsewhere is alive
//! batches/{tenant}/{batch}/calls/{number}                   up to which shard they were called
//! batches/{tenant}/{batch}/calls/{number}.said              these are in the queue
//! batches/{tenant}/{batch}/again/{seconds}-{why}            shards that seemed lost were called once more
//! batches/{tenant}/{batch}/again/{seconds}-{why}.said       these are in the queue
//! batches/{tenant}/{batch}/log/{shard}/{page}.ndjson        what became of items, appended by whoever holds the shard
//! batches/{tenant}/{batch}/scores/{shard}.parquet           scores of a finished shard's images, where they are kept
//! batches/{tenant}/{batch}/results/{shard}.ndjson           the log of a finished shard in one piece
//! batches/{tenant}/{batch}/cancel                           somebody wants it to end
//! batches/{tenant}/{batch}/finalizing                       its last item is done
//! batches/{tenant}/{batch}/delivery/{number}                whoever writes its results elsewhere is alive
//! batches/{tenant}/{batch}/delivered.json                   what became of that
//! batches/{tenant}/{batch}/final.json                       how it ended
//! batches/{tenant}/{batch}/webhook/{try}                    tries at telling so
//! ```

pub mod announce;
mod attempts;
mod calls;
mod entry;
mod facts;
pub mod forecast;
pub mod intake;
mod lease;
mod log;
mod progress;
mod reading;
mod removal;
mod scored;
mod shard;
#[cfg(test)]
mod simulation;
mod tally;
pub mod view;
pub mod webhook;

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    stage::Stage,
    store::{Requests, Store, StoreError},
};
use scores::TableError;
use serde::{Serialize, de::DeserializeOwned};

pub use attempts::Attempt;
pub use calls::Calls;
pub use entry::{BatchKey, Delivery, DryRun, Final, FinalStatus, Item, Manifest, Request, Sealed};
pub use facts::Facts;
pub use lease::{KeptLease, Lease, LeaseKind, Lookout};
pub use log::{Appended, Kept, Line, Log, ShardResult, outcome};
pub use progress::{Look, Progress, Survey};
pub use reading::{Cursor, FoundLines};
pub use scored::FoundScores;
pub use shard::{SHARD_BYTES, ShardItems};
pub use tally::{Kind, Tally, count_items, describe_metrics};
pub use view::BatchView;

use progress::Folds;

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} in the store cannot be read: {1}")]
    Unreadable(String, String),
    #[error("{0} was in the store a moment ago, and is gone")]
    Vanished(String),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Logs an error of the ledger, and returns what a client is told of it.
pub fn unavailable(error: LedgerError) -> Fault {
    tracing::warn!(%error, "the ledger of batches failed");
    Fault::new(
        Code::StoreUnavailable,
        Stage::Admit,
        "The store of batches cannot be used at present.",
    )
}

#[derive(Clone, Debug)]
pub struct Ledger {
    store: Store,
    folds: Folds,
}

impl Ledger {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            folds: Folds::default(),
        }
    }

    async fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        let Some(bytes) = self.store.get(name).await? else {
            return Ok(None);
        };
        let unreadable =
            |error: serde_json::Error| LedgerError::Unreadable(name.to_owned(), error.to_string());
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    async fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<bool, LedgerError> {
        let json = serde_json::to_vec(value).expect("maps have text as keys");
        Ok(self.store.put_new(name, json.into()).await?)
    }

    /// Opens a batch, which is still without items. `false`: somebody else has.
    pub async fn begin(&self, request: &Request) -> Result<bool, LedgerError> {
        let key = request.key();
        // First, so that whatever is begun is found again.
        self.store.put_new(&key.open(), Bytes::new()).await?;
        self.write(&key.file("request.json"), request).await
    }

    pub async fn request(&self, key: &BatchKey) -> Result<Option<Request>, LedgerError> {
        self.read(&key.file("request.json")).await
    }

    /// Returns how many shards are stored.
    pub async fn shards(&self, key: &BatchKey) -> Result<u32, LedgerError> {
        Ok(self.store.list(&key.file("shards")).await?.len() as u32)
    }

    /// Notes what was odd about a list, before it is sealed.
    pub async fn warn(&self, key: &BatchKey, warnings: &[String]) -> Result<(), LedgerError> {
        if !warnings.is_empty() {
            self.write(&key.file("warnings.json"), &warnings).await?;
        }
        Ok(())
    }

    /// Says that the list is whole. If that was said before, what was said.
    pub async fn seal(&self, key: &BatchKey, sealed: Sealed) -> Result<Sealed, LedgerError> {
        if self.write(&key.file("sealed.json"), &sealed).await? {
            return Ok(sealed);
        }
        let name = key.file("sealed.json");
        self.sealed(key).await?.ok_or(LedgerError::Vanished(name))
    }

    pub async fn sealed(&self, key: &BatchKey) -> Result<Option<Sealed>, LedgerError> {
        self.read(&key.file("sealed.json")).await
    }

    pub async fn cancel(&self, key: &BatchKey, now_s: u64) -> Result<(), LedgerError> {
        self.write(&key.file("cancel"), &now_s).await?;
        Ok(())
    }

    /// Returns when somebody asked for its end.
    pub async fn cancelled(&self, key: &BatchKey) -> Result<Option<u64>, LedgerError> {
        self.read(&key.file("cancel")).await
    }

    /// Tells whether a batch shall end before its items do, and why.
    pub async fn ended_early(
        &self,
        request: &Request,
        now_s: u64,
    ) -> Result<Option<Code>, LedgerError> {
        if request.expires_s.is_some_and(|at| now_s >= at) {
            return Ok(Some(Code::BatchExpired));
        }
        let cancelled = self.cancelled(&request.key()).await?;
        Ok(cancelled.map(|_| Code::BatchCancelled))
    }

    /// Notes that every item is done, the first time.
    pub async fn finalize(&self, key: &BatchKey, now_s: u64) -> Result<(), LedgerError> {
        self.write(&key.file("finalizing"), &now_s).await?;
        Ok(())
    }

    pub async fn set_delivered(
        &self,
        key: &BatchKey,
        delivery: &Delivery,
    ) -> Result<(), LedgerError> {
        self.write(&key.file("delivered.json"), delivery).await?;
        Ok(())
    }

    pub async fn finish(&self, key: &BatchKey, end: &Final) -> Result<(), LedgerError> {
        self.write(&key.file("final.json"), end).await?;
        Ok(())
    }

    pub async fn ended(&self, key: &BatchKey) -> Result<Option<Final>, LedgerError> {
        self.read(&key.file("final.json")).await
    }

    /// Every batch that somebody has to look after, for the price of one listing.
    pub async fn open_batches(&self) -> Result<Vec<BatchKey>, LedgerError> {
        let below = self.store.below("open", None).await?;
        let keys = below.iter().filter_map(|path| path.split_once('/'));
        Ok(keys
            .map(|(tenant, batch)| BatchKey::new(tenant, batch))
            .collect())
    }

    /// How many of a tenant's batches somebody has to look after.
    pub async fn open_batches_of(&self, tenant: &str) -> Result<usize, LedgerError> {
        Ok(self.store.list(&format!("open/{tenant}")).await?.len())
    }

    pub async fn is_open(&self, key: &BatchKey) -> Result<bool, LedgerError> {
        Ok(self.store.exists(&key.open()).await?)
    }

    /// Returns who has batches.
    pub async fn tenants(&self) -> Result<Vec<String>, LedgerError> {
        Ok(self.store.folders("batches").await?)
    }

    /// A tenant's batches, the newest first.
    pub async fn batches(&self, tenant: &str) -> Result<Vec<String>, LedgerError> {
        Ok(self.store.folders(&format!("batches/{tenant}")).await?)
    }

    /// The first of a tenant's batches that come after one of them, and at least `most` if there are so many.
    pub async fn batches_after(
        &self,
        tenant: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, LedgerError> {
        let folder = format!("batches/{tenant}");
        Ok(self.store.folders_after(&folder, after, most).await?)
    }

    /// What was asked of the object store so far, by this process.
    pub fn requests(&self) -> Requests {
        self.store.requests()
    }

    /// The batch that an idempotency key stands for: `batch`, or the one that it has stood for before.
    pub async fn claim(
        &self,
        tenant: &str,
        key_hash: &str,
        claim: &Claim,
    ) -> Result<Claim, LedgerError> {
        let name = format!("idempotency/{tenant}/{key_hash}");
        if self.write(&name, claim).await? {
            return Ok(claim.clone());
        }
        self.read(&name).await?.ok_or(LedgerError::Vanished(name))
    }
}

/// What an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Claim {
    pub batch: String,
    /// Hash of all that was asked, but for the items.
    pub asked: String,
}
