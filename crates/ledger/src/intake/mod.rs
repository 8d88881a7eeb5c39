//! Items on their way into shards. The same items make the same shards, and a
//! shard is stored once: so whoever sends a list again after half of it was
//! lost goes on where it ended, without gap or double.

mod item;
mod manifest;
mod names;
mod outside;
mod rows;
mod sampler;
mod warnings;

use common::{
    budget::{Budget, Room},
    fault::{Code, Fault},
    stage::Stage,
};

use ::manifest::Row;

use crate::{BatchKey, Item, Ledger, Request, Sealed, shard, unavailable};
pub use item::BatchItem;
pub use manifest::ManifestReader;
pub use outside::{check_manifest, check_output, lost, open, unreadable};
pub use rows::{Reading, Stopped, take_list, take_text};

use names::Names;
use sampler::Sampler;
use warnings::Warnings;

pub struct Intake<'a> {
    ledger: &'a Ledger,
    /// Shards on their way, until the whole list is here.
    memory: Room,
    key: BatchKey,
    shard_items: u32,
    shard_bytes: usize,
    max_items: u64,
    /// Lines of the shard that is filling.
    filling: Vec<u8>,
    items: u32,
    shards: u32,
    total: u64,
    /// Items that came, of which a dry run keeps some.
    listed: u64,
    sampler: Option<Sampler>,
    strict: bool,
    names: Names,
    warnings: Warnings,
}

impl<'a> Intake<'a> {
    pub fn new(ledger: &'a Ledger, budget: &Budget, request: &Request, max_items: u64) -> Self {
        let shard_bytes = request.shard_bytes.map(usize::try_from);
        let shard_bytes = shard_bytes.and_then(Result::ok).unwrap_or(usize::MAX);
        let sampler = request
            .dry_run
            .map(|dry_run| Sampler::new(dry_run.share, dry_run.seed));
        let filling = Vec::new();
        let items = 0;
        let shards = 0;
        let total = 0;
        let listed = 0;
        // The filling one, and the one that is being stored.
        let memory = budget.growing(2, Stage::Admit);
        Self {
            ledger,
            memory,
            key: request.key(),
            shard_items: request.shard_items,
            shard_bytes,
            max_items,
            filling,
            items,
            shards,
            total,
            listed,
            sampler,
            strict: request.strict,
            names: Names::new(budget.growing(1, Stage::Admit)),
            warnings: Warnings::default(),
        }
    }

    /// Takes the next row. One that is wrong is an item all the same, unless the list is to be refused for it.
    pub async fn push(&mut self, mut row: Row) -> Result<(), Fault> {
        if self.listed == self.max_items {
            let detail = format!("A batch may have {} items.", self.max_items);
            return Err(Fault::new(Code::BodyTooLarge, Stage::Admit, detail));
        }
        let place = self.listed;
        self.listed += 1;
        self.warnings.note_ignored(&mut row);
        let is_named = row.custom_id.is_some();
        let mut item = item::item(row, self.listed);
        let is_repeated = is_named && self.names.is_repeated(&item.custom_id, self.listed);
        if self.strict {
            self.refuse(&item, is_repeated)?;
        }
        self.warnings.note_wrong(&item);
        let Some(sampler) = &mut self.sampler else {
            return self.keep(&item).await;
        };
        item.row = Some(self.listed);
        match sampler.look(place, item) {
            Some(item) => self.keep(&item).await,
            None => Ok(()),
        }
    }

    /// What a strict list is refused for.
    fn refuse(&self, item: &Item, is_repeated: bool) -> Result<(), Fault> {
        if let Some(why) = &item.wrong {
            return Err(Fault::invalid(why));
        }
        if is_repeated {
            let row = self.listed;
            let id = &item.custom_id;
            let detail =
                format!("row {row}: an earlier row has its custom_id \u{201c}{id}\u{201d}");
            return Err(Fault::invalid(detail));
        }
        Ok(())
    }

    /// A list of which no row can be read is most likely another kind of file.
    fn check_rows(&self) -> Result<(), Fault> {
        if self.listed == 0 {
            return Err(Fault::invalid("The batch has no items."));
        }
        match &self.warnings.first_wrong {
            Some(first) if self.warnings.wrong == self.listed => {
                let listed = self.listed;
                let detail = format!("Of all {listed} rows nothing can be made; {first}");
                Err(Fault::invalid(detail))
            }
            _ => Ok(()),
        }
    }

    async fn keep(&mut self, item: &Item) -> Result<(), Fault> {
        if self.items == 0 {
            let head = shard::begin(self.shard_items, self.shards, self.total);
            self.filling.extend(head);
        }
        serde_json::to_writer(&mut self.filling, item).expect("texts are JSON");
        self.filling.push(b'\n');
        // Once as it fills, and once as it is being stored.
        self.memory.grow_to(self.filling.len())?;
        self.items += 1;
        self.total += 1;
        if self.items == self.shard_items || self.filling.len() >= self.shard_bytes {
            self.store().await
        } else {
            Ok(())
        }
    }

    /// Says that this is the whole list.
    pub async fn seal(mut self, now_s: u64) -> Result<Sealed, Fault> {
        self.check_rows()?;
        self.store_rest().await?;
        self.expect_stored().await?;
        self.tell_warnings().await?;
        let whole = Sealed {
            total: self.total,
            shards: self.shards,
            sealed_s: now_s,
            listed: self.listed,
        };
        let sealed = self
            .ledger
            .seal(&self.key, whole)
            .await
            .map_err(unavailable)?;
        if sealed.is_void() {
            return Err(refused_elsewhere());
        }
        // One of before there were dry runs says nothing of its length.
        let is_as_long = sealed.listed == 0 || sealed.listed == whole.listed;
        if (sealed.total, sealed.shards) != (whole.total, whole.shards) || !is_as_long {
            return Err(another());
        }
        Ok(sealed)
    }

    /// Stores what waited for the end of the list.
    async fn store_rest(&mut self) -> Result<(), Fault> {
        let sampled = self.sampler.take().map(|mut sampler| sampler.rest());
        for item in sampled.unwrap_or_default() {
            self.keep(&item).await?;
        }
        if self.items > 0 {
            self.store().await?;
        }
        Ok(())
    }

    /// Refuses a list of which a part is gone: somebody else was given the same key, and cleared away what was no good.
    async fn expect_stored(&self) -> Result<(), Fault> {
        let stored = self.ledger.shards(&self.key).await.map_err(unavailable)?;
        if stored < self.shards {
            return Err(Fault::new(
                Code::StoreUnavailable,
                Stage::Admit,
                "A part of the list is gone; send it again.",
            ));
        }
        Ok(())
    }

    async fn tell_warnings(&self) -> Result<(), Fault> {
        let mut warnings = self.warnings.told();
        warnings.extend(self.names.warnings());
        let told = self.ledger.warn(&self.key, &warnings).await;
        told.map_err(unavailable)
    }

    async fn store(&mut self) -> Result<(), Fault> {
        let lines = std::mem::take(&mut self.filling);
        // The next shard is about as large.
        self.filling.reserve(lines.len());
        let stored = self
            .ledger
            .put_shard(&self.key, self.shards, lines.into())
            .await;
        if !stored.map_err(unavailable)? {
            return Err(another());
        }
        common::fail_point!("intake.stored", return Err(store_failed()));
        self.shards += 1;
        self.items = 0;
        Ok(())
    }
}

/// Another server was sent a list that is no good under the same key, and has removed what there was.
pub fn refused_elsewhere() -> Fault {
    let detail = "Another list under this Idempotency-Key was refused meanwhile; send it again.";
    Fault::new(Code::StoreUnavailable, Stage::Admit, detail)
}

/// What the store of a test says.
fn store_failed() -> Fault {
    let detail = "A fail point says that the store of batches cannot be used.";
    Fault::new(Code::StoreUnavailable, Stage::Admit, detail)
}

pub fn another() -> Fault {
    let detail = "This Idempotency-Key stands for a batch with other items or options.";
    Fault::new(Code::IdempotencyMismatch, Stage::Admit, detail)
}

#[cfg(test)]
mod tests {
    use common::store::{Store, StoreConfig};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_list_of_long_urls_takes_no_more_memory_than_there_is() {
        let config = StoreConfig {
            store_url: Some("memory:".into()),
            ..StoreConfig::default()
        };
        let ledger = Ledger::new(Store::open(&config).expect("opens"));
        let request = json!({
            "id": "batch_1", "tenant": "shop", "created_s": 0, "shard_items": 1_000, "metadata": {},
            "asked": {
                "features": {"tags": true, "caption": false}, "language": "en",
                "selection": {"categories": [], "include": [], "exclude": []},
            },
        });
        let request: Request = serde_json::from_value(request).expect("a request");
        let budget = Budget::new(4 << 20);
        let mut intake = Intake::new(&ledger, &budget, &request, 1_000_000);
        let item = |length: usize| Row {
            url: "u".repeat(length),
            ..Row::default()
        };
        for _ in 0..10_000 {
            intake.push(item(100)).await.expect("shards come and go");
        }
        let refused = loop {
            if let Err(fault) = intake.push(item(8_000)).await {
                break fault;
            }
        };
        assert_eq!((refused.code, intake.shards), (Code::Overloaded, 10));
        drop(intake);
        assert!(
            budget.room(4 << 20, 1, Stage::Admit).is_ok(),
            "it is given back"
        );
    }
}
