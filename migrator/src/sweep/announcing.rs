//! Whether a batch's shards are in the queue, and what is done where they may not be.

use std::time::Duration;

use ledger::{
    BatchKey, Calls, LedgerError, Progress, Sealed,
    announce::{AnnounceError, Lost, LostShards, announce_next},
};
use resources::Resources;
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
        Some(why) => announce_again(migrator, key, progress, &calls, why, watched).await,
        None => {
            watched.announced = true;
            announce_further(migrator, key, sealed, progress, &calls).await;
            Ok(())
        }
    }
}

/// `is_older`: the batch was there before this process.
fn why_again(
    migrator: &Migrator,
    calls: &Calls,
    is_older: bool,
    watched: &mut Watched,
    now: Instant,
) -> Option<Lost> {
    if !watched.announced && migrator.resources.queue.forgets() && is_older {
        Some(Lost::Forgotten)
    } else if let Some(call) = watched.unsaid(calls, now) {
        Some(Lost::Unsaid(call))
    } else if now > watched.moved + still(migrator) {
        Some(Lost::StandsStill)
    } else {
        None
    }
}

fn still(migrator: &Migrator) -> Duration {
    migrator.config.hold() * STANDS_STILL
}

async fn announce_again(
    migrator: &Migrator,
    key: &BatchKey,
    progress: &Progress,
    calls: &Calls,
    why: Lost,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let resources = &migrator.resources;
    let lost = LostShards {
        key,
        progress,
        calls,
        why,
        now_s: migrator.now_s(),
        span_s: still(migrator).as_secs(),
    };
    watched.moved = Instant::now();
    match lost.announce(&resources.queue, &resources.ledger).await {
        Ok(()) => watched.announced = true,
        Err(AnnounceError::Ledger(error)) => return Err(error),
        Err(AnnounceError::Queue(error)) => {
            tracing::warn!(%error, batch = key.id, "the batch's shards cannot be announced yet");
        }
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
    let Resources { queue, ledger, .. } = &migrator.resources;
    let finished = progress.finished_shards;
    if let Err(error) = announce_next(queue, ledger, key, finished, sealed.shards).await {
        tracing::warn!(%error, batch = key.id, "further shards of the batch are announced later");
    }
}
