//! Whether a batch's shards are in the queue, and what is done where they may not be.

use std::time::Duration;

use ledger::{
    BatchKey, Calls, LedgerError, Progress, Sealed,
    announce::{announce_again, announce_next},
};
use tokio::time::Instant;

use super::watched::Watched;
use crate::context::Migrator;

/// Between two who announce the shards of a call that was left half-way, if the first one of them dies over it.
const UNSAID_EVERY_S: u64 = 10;

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
        Some(why) => announce_lost(migrator, key, progress, &calls, why, watched).await,
        None => {
            watched.announced = true;
            announce_further(migrator, key, sealed, progress, &calls).await;
            Ok(())
        }
    }
}

/// Why shards that were called are to be put into the queue once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// This process was started anew, and its queue is in memory.
    Forgotten,
    /// Whoever called them did not come to it.
    Unsaid(usize),
    /// Nothing of the batch moves.
    StandsStill,
}

/// `is_older`: the batch was there before this process.
fn why_again(
    migrator: &Migrator,
    calls: &Calls,
    is_older: bool,
    watched: &mut Watched,
    now: Instant,
) -> Option<Why> {
    if !watched.announced && migrator.resources.queue.forgets() && is_older {
        Some(Why::Forgotten)
    } else if let Some(call) = watched.unsaid(calls, now) {
        Some(Why::Unsaid(call))
    } else if now > watched.moved + still(migrator) {
        Some(Why::StandsStill)
    } else {
        None
    }
}

fn still(migrator: &Migrator) -> Duration {
    migrator.config.hold() * STANDS_STILL
}

/// All migrators find the same at about the same time. The ledger decides which of them announces.
async fn announce_lost(
    migrator: &Migrator,
    key: &BatchKey,
    progress: &Progress,
    calls: &Calls,
    why: Why,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let now_s = migrator.now_s();
    let (is_ours, shards) = match why {
        Why::Forgotten => (true, 0..calls.up_to),
        Why::Unsaid(call) => {
            let name = format!("unsaid-{call:08}");
            let is_ours = ledger.call_again(key, &name, now_s, UNSAID_EVERY_S).await?;
            (is_ours, ledger.called(key, call).await?)
        }
        Why::StandsStill => {
            let every_s = still(migrator).as_secs();
            let is_ours = ledger.call_again(key, "still", now_s, every_s).await?;
            (is_ours, 0..calls.up_to)
        }
    };
    watched.moved = Instant::now();
    if !is_ours {
        return Ok(());
    }
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        ?why,
        ?shards,
        "the batch's shards are announced"
    );
    let queue = &migrator.resources.queue;
    if let Err(error) = announce_again(queue, key, progress, shards).await {
        tracing::warn!(%error, batch = key.id, "the batch's shards cannot be announced yet");
        return Ok(());
    }
    watched.announced = true;
    match why {
        Why::Unsaid(call) => ledger.said(key, call).await,
        Why::Forgotten => {
            for call in &calls.unsaid {
                ledger.said(key, *call).await?;
            }
            Ok(())
        }
        Why::StandsStill => Ok(()),
    }
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
