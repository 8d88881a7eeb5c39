//! Shards of a batch whose tags are made of another one's scores: no image is fetched, and no worker asked. A shard takes a
//! moment, so it has no log: its result is written in one piece, or not at all.

mod labels;
mod lines;
mod room;
mod shard;

use std::{panic::resume_unwind, path::PathBuf, sync::Arc};

use common::{
    BoxFuture,
    budget::{Budget, Held},
    bus::Bus,
    fault::{Code, Fault},
    stage::Stage,
    store::StoreError,
};
use ledger::{
    BatchKey, Final, FinalStatus, FoundScores, Ledger, LedgerError, Request, ShardResult,
};
use scores::{Table, TableError};
use tokio::time::{Duration, sleep};

use labels::KnownLabels;
use shard::retagged;

/// Before another look for room.
const NO_ROOM: Duration = Duration::from_millis(500);

/// Makes tags of kept scores.
#[derive(Clone, Debug)]
pub struct Retagger {
    ledger: Ledger,
    bus: Bus,
    budget: Budget,
    /// What the classes of kept scores are called.
    labels: Arc<KnownLabels>,
}

/// What a shard is made of.
struct Work {
    labels: Arc<KnownLabels>,
    request: Request,
    /// Why its items end without tags, where that is so.
    given_up: Option<Code>,
    table: Table,
    _room: Held,
}

impl Retagger {
    /// `models_dir`: the folder of the models' manifests and labels.
    pub fn new(ledger: Ledger, bus: Bus, budget: Budget, models_dir: PathBuf) -> Self {
        Self {
            ledger,
            bus,
            budget,
            labels: Arc::new(KnownLabels::new(models_dir)),
        }
    }

    /// Makes the tags of a shard, unless that is done. It waits for room in memory.
    pub fn retag<'a>(
        &'a self,
        request: Request,
        source: &'a BatchKey,
        number: u32,
    ) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.work(request, source, number))
    }

    async fn work(
        &self,
        request: Request,
        source: &BatchKey,
        number: u32,
    ) -> Result<(), LedgerError> {
        let key = request.key();
        if self.ledger.is_finished(&key, number).await? {
            return Ok(());
        }
        let given_up = self.ledger.ended_early(&request, self.bus.now_s()).await?;
        let made = match self.found(&request, source, number).await? {
            Found::Empty => Ok(ShardResult::default()),
            Found::Gone => return self.fail(&key, source).await,
            Found::Unreadable(error) => Err(error),
            Found::There(table, room) => {
                let work = Work {
                    labels: self.labels.clone(),
                    given_up,
                    request,
                    table,
                    _room: room,
                };
                made(work).await
            }
        };
        let result = match made {
            Ok(result) => result,
            // Another try would find the same.
            Err(error) => {
                tracing::error!(%error, batch = key.id, shard = number, "a table of scores cannot be read");
                return self.fail(&key, source).await;
            }
        };
        common::fail_point!("migrator.retagged");
        result.tally().count_items();
        self.ledger.finish_shard(&key, number, result).await
    }

    /// Takes a shard's scores into memory once there is room for them, and for the lines that are made of them.
    async fn found(
        &self,
        request: &Request,
        source: &BatchKey,
        number: u32,
    ) -> Result<Found, LedgerError> {
        let budget = &self.budget;
        loop {
            match self.ledger.scores(source, number, budget).await {
                Ok(FoundScores::Empty) => return Ok(Found::Empty),
                Ok(FoundScores::Gone) => return Ok(Found::Gone),
                Ok(FoundScores::There(bytes, held)) => {
                    let table_bytes = bytes.len();
                    let table = match Table::open(bytes) {
                        Ok(table) => table,
                        Err(error) => return Ok(Found::Unreadable(error)),
                    };
                    // In one piece: two shards that each had half of what they need would wait for each other.
                    drop(held);
                    let needed = room::needed(table_bytes, table.rows(), &request.asked);
                    if let Some(room) = budget.hold(needed.min(budget.max_bytes())) {
                        return Ok(Found::There(table, room));
                    }
                    drop(table);
                    // It is fetched again, but not before there is room for all that it takes.
                    let _room = budget.wait_for(needed).await;
                }
                Err(LedgerError::Store(StoreError::NoRoom)) => sleep(NO_ROOM).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the whole batch: nobody knows which items the shard had.
    async fn fail(&self, key: &BatchKey, source: &BatchKey) -> Result<(), LedgerError> {
        let detail = format!(
            "Scores of {} are gone, cannot be read, or were not kept by a migrator of before.",
            source.id
        );
        let end = Final {
            status: FinalStatus::Failed,
            finished_s: self.bus.now_s(),
            tally: self.ledger.progress(key).await?.tally,
            fault: Some(Fault::new(Code::ScoresUnusable, Stage::Lookup, detail)),
            forecast: None,
        };
        tracing::warn!(
            tenant = key.tenant,
            batch = key.id,
            source = source.id,
            "the scores of a batch cannot be had"
        );
        self.ledger.finish(key, &end).await
    }
}

/// What there is of a shard's scores.
enum Found {
    There(Table, Held),
    Unreadable(TableError),
    Empty,
    Gone,
}

/// Off the threads that serve all else.
async fn made(work: Work) -> Result<ShardResult, TableError> {
    let made = tokio::task::spawn_blocking(move || retagged(&work));
    made.await
        .unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime ends, and this process with it.
            Err(_) => Ok(ShardResult::default()),
        })
}
