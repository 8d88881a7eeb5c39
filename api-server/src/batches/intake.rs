//! Items on their way into shards. The same items make the same shards, and a
//! shard is stored once: so whoever sends a list again after half of it was
//! lost goes on where it ended, without gap or double.

use common::fault::{Code, Fault};
use common::stage::Stage;

use super::{invalid, options::BatchItem, unavailable};
use crate::ledger::{BatchKey, Ledger, Request, Sealed};

pub struct Intake<'a> {
    ledger: &'a Ledger,
    key: BatchKey,
    shard_items: u32,
    max_items: u64,
    /// Lines of the shard that is filling.
    filling: Vec<u8>,
    items: u32,
    shards: u32,
    total: u64,
}

impl<'a> Intake<'a> {
    pub fn new(ledger: &'a Ledger, request: &Request, max_items: u64) -> Self {
        let (key, shard_items) = (request.key(), request.shard_items);
        Self { ledger, key, shard_items, max_items, filling: Vec::new(), items: 0, shards: 0, total: 0 }
    }

    /// Items so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    pub async fn push(&mut self, item: BatchItem) -> Result<(), Fault> {
        if self.total == self.max_items {
            let detail = format!("A batch may have {} items.", self.max_items);
            return Err(Fault::new(Code::BodyTooLarge, Stage::Admit, detail));
        }
        serde_json::to_writer(&mut self.filling, &item.check()?).expect("texts are JSON");
        self.filling.push(b'\n');
        (self.items, self.total) = (self.items + 1, self.total + 1);
        if self.items == self.shard_items { self.store().await } else { Ok(()) }
    }

    /// Says that this is the whole list.
    pub async fn seal(mut self, now_s: u64) -> Result<Sealed, Fault> {
        if self.total == 0 {
            return Err(invalid("The batch has no items."));
        }
        if self.items > 0 {
            self.store().await?;
        }
        let stored = self.ledger.shards(&self.key).await.map_err(|error| unavailable(&error))?;
        if stored < self.shards {
            // Somebody else was given the same key, and cleared away what was no good.
            return Err(Fault::new(Code::StoreUnavailable, Stage::Admit, "A part of the list is gone; send it again."));
        }
        let whole = Sealed { total: self.total, shards: self.shards, sealed_s: now_s };
        let sealed = self.ledger.seal(&self.key, whole).await.map_err(|error| unavailable(&error))?;
        if (sealed.total, sealed.shards) != (whole.total, whole.shards) {
            return Err(another());
        }
        Ok(sealed)
    }

    async fn store(&mut self) -> Result<(), Fault> {
        let lines = std::mem::take(&mut self.filling);
        // The next shard is about as large.
        self.filling.reserve(lines.len());
        let stored = self.ledger.put_shard(&self.key, self.shards, lines.into()).await;
        if !stored.map_err(|error| unavailable(&error))? {
            return Err(another());
        }
        (self.shards, self.items) = (self.shards + 1, 0);
        Ok(())
    }
}

pub fn another() -> Fault {
    let detail = "This Idempotency-Key stands for a batch with other items or options.";
    Fault::new(Code::IdempotencyMismatch, Stage::Admit, detail)
}
