//! Whether a batch's shards are in the queue, and what is done where they may not be.

use std::time::Duration;

use ledger::{
    BatchKey, Calls, LedgerError, Sealed, Survey,
    announce::{AnnounceError, Left, Lost, LostShards, announce_next},
};
use resources::Resources;
use tokio::time::Instant;

use super::watched::{ANNOUNCED_WITHIN, Next, Watched};
use crate::context::Migrator;

/// A batch of which nothing moves for so long has lost its shards, whatever happened to them. Twice the time
/// that a shard is held at the most.
const STANDS_STILL: u32 = 2;

/// The longest pause while shards are worked on: whoever finishes one looks by itself.
const GOES_ON: Duration = Duration::from_secs(30);

pub async fn keep_announced(
    migrator: &Migrator,
    key: &BatchKey,
    sealed: Sealed,
    survey: &Survey,
    since: Since,
    watched: &mut Watched,
) -> Result<Next, LedgerError> {
    let now = Instant::now();
    watched.see(survey, now);
    let calls = calls(migrator, key, sealed, watched).await?;
    let is_older = sealed.sealed_s <= since.started_s;
    match why_again(migrator, &calls, is_older, watched, now) {
        Some(why) => announce_again(migrator, key, survey, &calls, why, watched).await?,
        None => {
            watched.announced = true;
            if calls.up_to < sealed.shards {
                let left = Left {
                    finished: survey.finished_shards(),
                    called: calls.up_to,
                    shards: sealed.shards,
                };
                announce_further(migrator, key, left, since.batches).await;
            }
        }
    }
    let longest = match calls.unsaid.is_empty() {
        true => GOES_ON.min(still(migrator)),
        false => ANNOUNCED_WITHIN,
    };
    Ok(Next::Within(longest))
}

/// What is known beside the batch.
#[derive(Clone, Copy)]
pub struct Since {
    /// When this process was started.
    pub started_s: u64,
    /// Batches of the tenant that are open.
    pub batches: usize,
}

/// Calls of which none is to come are read once.
async fn calls(
    migrator: &Migrator,
    key: &BatchKey,
    sealed: Sealed,
    watched: &mut Watched,
) -> Result<Calls, LedgerError> {
    if let Some(calls) = &watched.all_called {
        return Ok(calls.clone());
    }
    let calls = migrator.resources.ledger.calls(key).await?;
    if calls.up_to >= sealed.shards && calls.unsaid.is_empty() {
        watched.all_called = Some(calls.clone());
    }
    Ok(calls)
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
    survey: &Survey,
    calls: &Calls,
    why: Lost,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let resources = &migrator.resources;
    let lost = LostShards {
        key,
        survey,
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
async fn announce_further(migrator: &Migrator, key: &BatchKey, left: Left, batches: usize) {
    let Resources { queue, ledger, .. } = &migrator.resources;
    if let Err(error) = announce_next(queue, ledger, key, left, batches).await {
        tracing::warn!(%error, batch = key.id, "further shards of the batch are announced later");
    }
}
