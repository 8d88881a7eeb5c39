//! Whether a store keeps to what the ledger is built on: what is there stays as it is.

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::{Store, StoreError};

/// Batches never have such a name.
const FOLDER: &str = "probe";

impl Store {
    /// Writes an object twice, and removes it. The second write must be refused.
    pub fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let name = format!("{FOLDER}/{:032x}", rand::random::<u128>());
            let first = self.put_new(&name, Bytes::from_static(b"1")).await?;
            let second = self.put_new(&name, Bytes::from_static(b"2")).await?;
            self.delete(&name).await?;
            match (first, second) {
                (true, false) => Ok(()),
                _ => Err(StoreError::Unconditional),
            }
        })
    }
}
