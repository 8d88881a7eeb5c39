//! Shards of a batch whose tags are made of another one's scores: no image is fetched, and no worker asked. A shard takes a
//! moment, so it has no log: its result is written in one piece, or not at all.

mod lines;
mod room;
mod shard;

use std::{panic::resume_unwind, sync::Arc};

use common::{
    budget::Held,
    fault::{Code, Fault},
    stage::Stage,
    store::StoreError,
};
use ledger::{BatchKey, Final, FinalStatus, FoundScores, LedgerError, Request, ShardResult};
use scores::{Table, TableError};
use tokio::time::{Duration, sleep};

use crate::{context::Migrator, metrics::ITEMS};
use shard::retagged;

/// Before another look for room.
const NO_ROOM: Duration = Duration::from_millis(500);

/// What a shard is made of.
struct Work {
    migrator: Arc<Migrator>,
    request: Request,
    /// Why its items end without tags, where that is so.
    given_up: Option<Code>,
    table: Table,
    _room: Held,
}

/// Makes the tags of a shard, unless that is done. It waits for room in memory.
pub async fn work(
    migrator: &Arc<Migrator>,
    request: Request,
    source: &BatchKey,
    number: u32,
) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let key = request.key();
    if ledger.is_finished(&key, number).await? {
        return Ok(());
    }
    let given_up = migrator.ended_by(&request).await?;
    let made = match found(migrator, &request, source, number).await? {
        Found::Empty => Ok(ShardResult::default()),
        Found::Gone => return fail(migrator, &key, source).await,
        Found::Unreadable(error) => Err(error),
        Found::There(table, room) => {
            let work = Work {
                migrator: migrator.clone(),
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
            return fail(migrator, &key, source).await;
        }
    };
    common::fail_point!("migrator.retagged");
    count(&result);
    ledger.finish_shard(&key, number, result).await
}

/// What there is of a shard's scores.
enum Found {
    There(Table, Held),
    Unreadable(TableError),
    Empty,
    Gone,
}

/// Takes a shard's scores into memory once there is room for them, and for the lines that are made of them.
async fn found(
    migrator: &Migrator,
    request: &Request,
    source: &BatchKey,
    number: u32,
) -> Result<Found, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let budget = &migrator.resources.budget;
    loop {
        match ledger.scores(source, number, budget).await {
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
                drop(budget.wait_for(needed).await);
            }
            Err(LedgerError::Store(StoreError::NoRoom)) => sleep(NO_ROOM).await,
            Err(error) => return Err(error),
        }
    }
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

fn count(result: &ShardResult) {
    let tally = result.tally();
    metrics::counter!(ITEMS, "code" => "ok").increment(tally.completed);
    for (code, count) in &tally.by_code {
        metrics::counter!(ITEMS, "code" => code.clone()).increment(*count);
    }
}

/// Ends the whole batch: nobody knows which items the shard had.
async fn fail(migrator: &Migrator, key: &BatchKey, source: &BatchKey) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let detail = format!(
        "Scores of {} are gone, cannot be read, or were not kept by a migrator of before.",
        source.id
    );
    let end = Final {
        status: FinalStatus::Failed,
        finished_s: migrator.now_s(),
        tally: ledger.progress(key).await?.tally,
        fault: Some(Fault::new(Code::ScoresUnusable, Stage::Lookup, detail)),
        forecast: None,
    };
    tracing::warn!(
        tenant = key.tenant,
        batch = key.id,
        source = source.id,
        "the scores of a batch cannot be had"
    );
    ledger.finish(key, &end).await
}
