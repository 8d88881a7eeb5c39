//! `Idempotency-Key`: a request that is sent again makes no second batch.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, HeaderValue};
use common::{
    fault::{Code, Fault},
    model::hex,
    stage::Stage,
};
use ledger::{Claim, Ledger, intake::another, unavailable};
use sha2::{Digest, Sha256};

const MAX_KEY_BYTES: usize = 255;

/// Keys of the requests that are under way at this server. At two servers at
/// once they do no harm: the same items make the same shards.
#[derive(Debug, Default)]
pub struct InFlightKeys(Arc<Mutex<HashSet<Used>>>);

/// A tenant, and the hash of its key.
type Used = (String, String);

/// One request's hold on its key.
#[derive(Debug)]
pub struct IdempotencyKey {
    used: Used,
    all: Arc<Mutex<HashSet<Used>>>,
}

/// The key of a request, where it has one.
pub fn key_of(headers: &HeaderMap) -> Result<Option<&[u8]>, Fault> {
    let key = headers.get("idempotency-key").map(HeaderValue::as_bytes);
    match key {
        Some(key) if !(1..=MAX_KEY_BYTES).contains(&key.len()) => Err(Fault::invalid(format!(
            "Idempotency-Key must have 1 to {MAX_KEY_BYTES} characters."
        ))),
        key => Ok(key),
    }
}

impl InFlightKeys {
    /// `None` where the request has no key.
    pub fn enter(
        &self,
        tenant: &str,
        headers: &HeaderMap,
    ) -> Result<Option<IdempotencyKey>, Fault> {
        let Some(key) = key_of(headers)? else {
            return Ok(None);
        };
        let used = (tenant.to_owned(), hex(&Sha256::digest(key)));
        if !self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(used.clone())
        {
            let detail = "A request with this Idempotency-Key is coming in already.";
            return Err(Fault::new(Code::IdempotencyInFlight, Stage::Admit, detail));
        }
        Ok(Some(IdempotencyKey {
            used,
            all: self.0.clone(),
        }))
    }
}

impl IdempotencyKey {
    /// The batch that the key stands for: `batch` if it was never used before.
    pub async fn claim(
        &self,
        ledger: &Ledger,
        batch: String,
        asked: &str,
    ) -> Result<String, Fault> {
        let asked = hex(&Sha256::digest(asked));
        let claim = Claim {
            batch,
            asked: asked.clone(),
        };
        let claimed = ledger
            .claim(&self.used.0, &self.used.1, &claim)
            .await
            .map_err(unavailable)?;
        if claimed.asked == asked {
            Ok(claimed.batch)
        } else {
            Err(another())
        }
    }

    /// The key may be used for something else than this batch.
    pub async fn give_up(&self, ledger: &Ledger, batch: &str) -> Result<(), Fault> {
        let (tenant, key) = &self.used;
        let given_up = ledger.unclaim_batch(tenant, key, batch).await;
        given_up.map_err(unavailable)
    }
}

impl Drop for IdempotencyKey {
    fn drop(&mut self) {
        self.all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.used);
    }
}
