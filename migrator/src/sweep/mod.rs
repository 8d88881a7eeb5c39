//! Looks after every batch that is open: closes those that are done, calls
//! shards that nobody called, and clears away what was never finished coming in.
//! Every migrator does so; whoever is first has done it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    Migrator,
    announce::{announce_again, announce_next},
    deliver::{Parcel, deliver},
    errand::Errand,
    forecast::forecast,
    take_in::take_in,
    tell::tell,
};
use crate::ledger::{
    BatchKey, Calls, Final, FinalStatus, LedgerError, Progress, Request, Sealed, Work,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// More for each shard, since each look lists them all.
const PER_SHARD: Duration = Duration::from_millis(1);
/// Of a batch that cannot be looked after.
const AFTER_ERROR: Duration = Duration::from_secs(10);
/// A list that is not whole by then will not be.
const COMES_IN_WITHIN_S: u64 = 24 * 3_600;
/// What says what is asked of it is written right after its marker.
const BEGUN_WITHIN_S: u64 = 3_600;
/// For whoever has called shards to put them into the queue.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(10);
/// A batch of which nothing moves for so long has lost its shards, whatever happened to them. Twice the time
/// that a shard is held at the most.
const STANDS_STILL: u32 = 2;

#[derive(Debug)]
struct Watched {
    next: Instant,
    announced: bool,
    /// A call whose shards are not in the queue yet, and since when.
    unsaid: Option<(usize, Instant)>,
    done: u64,
    moved: Instant,
    intake: Errand,
    delivery: Errand,
    telling: Errand,
}

impl Watched {
    fn new(now: Instant) -> Self {
        let (intake, delivery, telling) = (Errand::default(), Errand::default(), Errand::default());
        Self {
            next: now,
            announced: false,
            unsaid: None,
            done: 0,
            moved: now,
            intake,
            delivery,
            telling,
        }
    }

    /// Whether a call has been without its shards for too long.
    fn is_unsaid(&mut self, calls: &Calls, now: Instant) -> bool {
        match (calls.unsaid.first(), self.unsaid) {
            (Some(call), Some((same, since))) if *call == same => now > since + ANNOUNCED_WITHIN,
            (call, _) => {
                self.unsaid = call.map(|call| (*call, now));
                false
            }
        }
    }
}

pub async fn sweep(migrator: &Arc<Migrator>) {
    let started_s = migrator.bus.now_us() / 1_000_000;
    let mut watched = HashMap::<BatchKey, Watched>::new();
    loop {
        if let Err(error) = round(migrator, started_s, &mut watched).await {
            tracing::warn!(%error, "the batches could not be looked after");
        }
        sleep(LOOK_EVERY.mul_f64(0.5 + rand::random::<f64>())).await;
    }
}

async fn round(
    migrator: &Arc<Migrator>,
    started_s: u64,
    watched: &mut HashMap<BatchKey, Watched>,
) -> Result<(), LedgerError> {
    let open = migrator.ledger.open_batches().await?;
    metrics::gauge!("tagfleet_batches_open").set(open.len() as f64);
    watched.retain(|key, _| open.contains(key));
    for key in open {
        let now = Instant::now();
        let watched = watched
            .entry(key.clone())
            .or_insert_with(|| Watched::new(now));
        if now >= watched.next
            && let Err(error) = look(migrator, &key, started_s, watched).await
        {
            // What is wrong with one batch holds up no other.
            tracing::error!(%error, tenant = key.tenant, batch = key.id, "a batch could not be looked after");
            watched.next = now + AFTER_ERROR;
        }
    }
    Ok(())
}

async fn look(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    started_s: u64,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let (ledger, now_s) = (&migrator.ledger, migrator.bus.now_us() / 1_000_000);
    let Some(request) = ledger.request(key).await? else {
        return forget_remains(migrator, key, now_s).await;
    };
    if ledger.ended(key).await?.is_some() {
        if request.webhook_url.is_none() {
            return ledger.close(key).await;
        }
        watched
            .telling
            .begin_telling(migrator, tell(migrator.clone(), request));
        return Ok(());
    }
    let Some(sealed) = ledger.sealed(key).await? else {
        if let Some(manifest) = request.manifest.clone() {
            let take_in = |lease| take_in(migrator.clone(), request, manifest, lease);
            return watched
                .intake
                .begin(migrator, key, Work::Intake, take_in)
                .await;
        }
        if now_s > request.created_s + COMES_IN_WITHIN_S {
            tracing::info!(
                tenant = key.tenant,
                batch = key.id,
                "a batch that never came in whole is removed"
            );
            ledger.forget(key).await?;
        }
        return Ok(());
    };
    let progress = ledger.progress(key).await?;
    if progress.finished_shards >= sealed.shards {
        ledger.finalize(key, now_s).await?;
        if let Some(url) = request.output.clone()
            && ledger.delivered(key).await?.is_none()
        {
            let parcel = Parcel {
                request,
                url,
                sealed,
                tally: progress.tally,
            };
            let deliver = |lease| deliver(migrator.clone(), parcel, lease);
            return watched
                .delivery
                .begin(migrator, key, Work::Delivery, deliver)
                .await;
        }
        return finish(migrator, &request, sealed, &progress, now_s).await;
    }
    watched.next = Instant::now() + LOOK_EVERY.max(PER_SHARD * sealed.shards);
    keep_announced(migrator, key, sealed, &progress, started_s, watched).await
}

/// Of a batch that was forgotten by half, or never begun. Its marker comes first, so it may be a moment old.
async fn forget_remains(
    migrator: &Migrator,
    key: &BatchKey,
    now_s: u64,
) -> Result<(), LedgerError> {
    let created_s = key.created_ms().map_or(0, |created_ms| created_ms / 1_000);
    if now_s < created_s + BEGUN_WITHIN_S {
        return Ok(());
    }
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        "what was left of a batch is removed"
    );
    migrator.ledger.forget(key).await
}

async fn finish(
    migrator: &Migrator,
    request: &Request,
    sealed: Sealed,
    progress: &Progress,
    now_s: u64,
) -> Result<(), LedgerError> {
    let (key, tally) = (request.key(), progress.tally.clone());
    let status = match () {
        () if tally.by_code.contains_key("batch_cancelled") => FinalStatus::Cancelled,
        () if tally.by_code.contains_key("batch_expired") => FinalStatus::Expired,
        () => FinalStatus::Completed,
    };
    let (completed, failed) = (tally.completed, tally.failed);
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        completed,
        failed,
        ?status,
        "batch ended"
    );
    // The next round tells who wants to know, and closes it.
    let forecast = forecast(migrator, request, sealed, status).await?;
    migrator
        .ledger
        .finish(
            &key,
            &Final {
                status,
                finished_s: now_s,
                tally,
                fault: None,
                forecast,
            },
        )
        .await
}

async fn keep_announced(
    migrator: &Migrator,
    key: &BatchKey,
    sealed: Sealed,
    progress: &Progress,
    started_s: u64,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let (ledger, queue, now) = (&migrator.ledger, &migrator.queue, Instant::now());
    if progress.tally.done() != watched.done {
        (watched.done, watched.moved) = (progress.tally.done(), now);
    }
    let calls = ledger.calls(key).await?;
    let why = if !watched.announced && queue.forgets() && sealed.sealed_s <= started_s {
        "this process was started anew"
    } else if watched.is_unsaid(&calls, now) {
        "whoever called them did not come to it"
    } else if now > watched.moved + migrator.config.hold() * STANDS_STILL {
        "it stands still"
    } else {
        watched.announced = true;
        if calls.up_to < sealed.shards
            && let Err(error) =
                announce_next(queue, ledger, key, progress.finished_shards, sealed.shards).await
        {
            tracing::warn!(%error, batch = key.id, "further shards of the batch are announced later");
        }
        return Ok(());
    };
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        why,
        "the batch's shards are announced"
    );
    match announce_again(queue, key, progress, calls.up_to).await {
        Ok(()) => {
            (watched.announced, watched.moved) = (true, now);
            for call in calls.unsaid {
                ledger.said(key, call).await?;
            }
        }
        Err(error) => {
            tracing::warn!(%error, batch = key.id, "the batch's shards cannot be announced yet")
        }
    }
    Ok(())
}
