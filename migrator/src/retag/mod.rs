//! Shards of a batch whose tags are made of another one's scores: no image is fetched, and no worker asked. A shard takes a
//! moment, so it has no log: its result is written in one piece, or not at all.

mod lines;
mod shard;

use std::{panic::resume_unwind, sync::Arc};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    stage::Stage,
    store::StoreError,
};
use ledger::{BatchKey, Final, FinalStatus, FoundScores, LedgerError, Request, ShardResult};
use scores::TableError;
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
    table: Bytes,
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
    let result = match found(migrator, source, number).await? {
        FoundScores::Empty => ShardResult::default(),
        FoundScores::Gone => return fail(migrator, &key, source).await,
        FoundScores::There(table, _held) => {
            let work = Work {
                migrator: migrator.clone(),
                given_up: migrator.ended_by(&request).await?,
                request,
                table,
            };
            match made(work).await {
                Ok(result) => result,
                // Another try would find the same.
                Err(error) => {
                    tracing::error!(%error, batch = key.id, shard = number, "a table of scores cannot be read");
                    return fail(migrator, &key, source).await;
                }
            }
        }
    };
    common::fail_point!("migrator.retagged");
    count(&result);
    ledger.finish_shard(&key, number, result).await
}

async fn found(
    migrator: &Migrator,
    source: &BatchKey,
    number: u32,
) -> Result<FoundScores, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let budget = &migrator.resources.budget;
    loop {
        match ledger.scores(source, number, budget).await {
            Err(LedgerError::Store(StoreError::NoRoom)) => sleep(NO_ROOM).await,
            found => return found,
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
