//! Whether a batch's shards are in the queue, and what is done where they may not be.

use ledger::{
    BatchKey, Calls, LedgerError, Progress, Sealed,
    announce::{announce_again, announce_next},
};
use tokio::time::Instant;

use super::watched::Watched;
use crate::context::Migrator;

/// A batch of which nothing moves for so long has lost its shards, whatever happened to them. Twice the time
/// that a shard is held at the most.
const STANDS_STILL: u32 = 2;

pub async fn keep_announced(
    migrator: &Migrator,
    key: &BatchKey,
    sealed: Sealed,
    progress: &Progress,
    started_s: u64,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let now = Instant::now();
    watched.see(progress, now);
    let calls = migrator.resources.ledger.calls(key).await?;
    let is_older = sealed.sealed_s <= started_s;
    match why_again(migrator, &calls, is_older, watched, now) {
        Some(why) => {
            tracing::info!(
                tenant = key.tenant,
                batch = key.id,
                why,
                "the batch's shards are announced"
            );
            announce_all(migrator, key, progress, calls, watched, now).await
        }
        None => {
            watched.announced = true;
            announce_further(migrator, key, sealed, progress, &calls).await;
            Ok(())
        }
    }
}

/// Says why the shards that were called are to be put into the queue once more, if they are.
/// `is_older`: the batch was there before this process.
fn why_again(
    migrator: &Migrator,
    calls: &Calls,
    is_older: bool,
    watched: &mut Watched,
    now: Instant,
) -> Option<&'static str> {
    if !watched.announced && migrator.resources.queue.forgets() && is_older {
        Some("this process was started anew")
    } else if watched.is_unsaid(calls, now) {
        Some("whoever called them did not come to it")
    } else if now > watched.moved + migrator.config.hold() * STANDS_STILL {
        Some("it stands still")
    } else {
        None
    }
}

async fn announce_all(
    migrator: &Migrator,
    key: &BatchKey,
    progress: &Progress,
    calls: Calls,
    watched: &mut Watched,
    now: Instant,
) -> Result<(), LedgerError> {
    let queue = &migrator.resources.queue;
    if let Err(error) = announce_again(queue, key, progress, calls.up_to).await {
        tracing::warn!(%error, batch = key.id, "the batch's shards cannot be announced yet");
        return Ok(());
    }
    watched.announced = true;
    watched.moved = now;
    for call in calls.unsaid {
        migrator.resources.ledger.said(key, call).await?;
    }
    Ok(())
}

/// Announces what may be ahead by now. What cannot be announced is announced by a later look.
async fn announce_further(
    migrator: &Migrator,
    key: &BatchKey,
    sealed: Sealed,
    progress: &Progress,
    calls: &Calls,
) {
    if calls.up_to >= sealed.shards {
        return;
    }
    let queue = &migrator.resources.queue;
    let ledger = &migrator.resources.ledger;
    let finished = progress.finished_shards;
    if let Err(error) = announce_next(queue, ledger, key, finished, sealed.shards).await {
        tracing::warn!(%error, batch = key.id, "further shards of the batch are announced later");
    }
}
