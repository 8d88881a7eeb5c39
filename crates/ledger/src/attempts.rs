//! Tries at telling of a batch's end. Each is claimed by writing it down, so
//! that several migrators make it once.

use bytes::Bytes;

use crate::{BatchKey, Ledger, LedgerError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Succeeded,
    Failed {
        tried: usize,
        /// When the last one was begun.
        last_s: u64,
    },
}

const DONE: &str = "done";

impl Ledger {
    pub async fn attempts(&self, key: &BatchKey) -> Result<Attempt, LedgerError> {
        let listed = self.store.list(&key.file("webhook")).await?;
        if listed.iter().any(|listed| listed.name == DONE) {
            return Ok(Attempt::Succeeded);
        }
        let last_s = listed
            .last()
            .map_or(0, |listed| listed.modified_s.max(0) as u64);
        Ok(Attempt::Failed {
            tried: listed.len(),
            last_s,
        })
    }

    /// `false`: somebody else makes it.
    pub async fn begin_attempt(&self, key: &BatchKey, number: usize) -> Result<bool, LedgerError> {
        Ok(self
            .store
            .put_new(&key.file(&format!("webhook/{number:04}")), Bytes::new())
            .await?)
    }

    pub async fn end_attempts(&self, key: &BatchKey) -> Result<(), LedgerError> {
        self.store
            .put_new(&key.file(&format!("webhook/{DONE}")), Bytes::new())
            .await?;
        Ok(())
    }
}
