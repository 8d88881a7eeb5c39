//! What is known of a batch that never changes once it is there. One listing
//! tells which of these objects are there; each is read once and remembered.

use std::sync::Arc;

use common::store::Entries;
use serde::de::DeserializeOwned;

use crate::{BatchKey, Delivery, Final, Ledger, LedgerError, Request, Sealed};

#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// None of a batch that was removed, or is just coming into being.
    pub request: Option<Request>,
    pub sealed: Option<Sealed>,
    /// What was odd about its list.
    pub warnings: Option<Vec<String>>,
    /// When somebody asked for its end.
    pub cancelled_s: Option<u64>,
    pub finalizing_s: Option<u64>,
    pub delivered: Option<Delivery>,
    pub ended: Option<Final>,
}

/// Whether anything was written of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub log: bool,
    pub results: bool,
}

impl Ledger {
    /// Reads what has come since `facts`.
    pub(crate) async fn learn(
        &self,
        key: &BatchKey,
        facts: &mut Arc<Facts>,
    ) -> Result<Written, LedgerError> {
        let there = self.store.entries(&key.folder()).await?;
        if !has(&there, "request.json") {
            // What is known of it was removed as well.
            *facts = Arc::default();
        }
        let known = Arc::make_mut(facts);
        tokio::try_join!(
            self.learn_one(key, &there, "request.json", &mut known.request),
            self.learn_one(key, &there, "sealed.json", &mut known.sealed),
            self.learn_one(key, &there, "warnings.json", &mut known.warnings),
            self.learn_one(key, &there, "cancel", &mut known.cancelled_s),
            self.learn_one(key, &there, "finalizing", &mut known.finalizing_s),
            self.learn_one(key, &there, "delivered.json", &mut known.delivered),
            self.learn_one(key, &there, "final.json", &mut known.ended),
        )?;
        Ok(Written {
            log: there.folders.iter().any(|name| name == "log"),
            results: there.folders.iter().any(|name| name == "results"),
        })
    }

    async fn learn_one<T: DeserializeOwned>(
        &self,
        key: &BatchKey,
        there: &Entries,
        name: &str,
        known: &mut Option<T>,
    ) -> Result<(), LedgerError> {
        if known.is_none() && has(there, name) {
            *known = self.read(&key.file(name)).await?;
        }
        Ok(())
    }
}

fn has(there: &Entries, name: &str) -> bool {
    there.objects.iter().any(|listed| listed.name == name)
}
