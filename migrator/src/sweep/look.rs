//! One look at one batch: what is to be done next, depending on how far it is.

use std::{sync::Arc, time::Duration};

use ledger::{BatchKey, Final, FinalStatus, LedgerError, Request, Sealed, Tally, Work};
use tokio::time::Instant;

use super::{LOOK_EVERY, announcing::keep_announced, watched::Watched};
use crate::{
    context::Migrator,
    ending::{ResultsDelivery, deliver, forecast, tell},
    intake::take_in,
};

/// More for each shard, since each look lists them all.
const PER_SHARD: Duration = Duration::from_millis(1);
/// A list that is not whole by then will not be.
const COMES_IN_WITHIN_S: u64 = 24 * 3_600;
/// What says what is asked of it is written right after its marker.
const BEGUN_WITHIN_S: u64 = 3_600;

pub async fn look(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    started_s: u64,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let Some(request) = ledger.request(key).await? else {
        return forget_remains(migrator, key).await;
    };
    if ledger.ended(key).await?.is_some() {
        if request.webhook_url.is_none() {
            return ledger.close(key).await;
        }
        let webhook = tell(migrator.clone(), request);
        watched.webhook.begin_webhook(&migrator.task_slots, webhook);
        return Ok(());
    }
    let Some(sealed) = ledger.sealed(key).await? else {
        return look_at_intake(migrator, key, request, watched).await;
    };
    let progress = ledger.progress(key).await?;
    if progress.finished_shards >= sealed.shards {
        return look_at_end(migrator, key, request, sealed, progress.tally, watched).await;
    }
    watched.next = Instant::now() + LOOK_EVERY.max(PER_SHARD * sealed.shards);
    keep_announced(migrator, key, sealed, &progress, started_s, watched).await
}

/// Removes a batch that was forgotten by half, or never begun. Its marker comes first, so it may be a moment old.
async fn forget_remains(migrator: &Migrator, key: &BatchKey) -> Result<(), LedgerError> {
    let created_s = key.created_ms().map_or(0, |created_ms| created_ms / 1_000);
    if migrator.now_s() < created_s + BEGUN_WITHIN_S {
        return Ok(());
    }
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        "what was left of a batch is removed"
    );
    migrator.resources.ledger.forget(key).await
}

async fn look_at_intake(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    request: Request,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    let slots = &migrator.task_slots;
    if let Some(manifest) = request.manifest.clone() {
        let take_in = |lease| take_in(migrator.clone(), request, manifest, lease);
        let intake = &mut watched.intake;
        return intake
            .begin_leased(slots, ledger, key, Work::Intake, take_in)
            .await;
    }
    if migrator.now_s() > request.created_s + COMES_IN_WITHIN_S {
        tracing::info!(
            tenant = key.tenant,
            batch = key.id,
            "a batch that never came in whole is removed"
        );
        ledger.forget(key).await?;
    }
    Ok(())
}

async fn look_at_end(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    request: Request,
    sealed: Sealed,
    tally: Tally,
    watched: &mut Watched,
) -> Result<(), LedgerError> {
    let ledger = &migrator.resources.ledger;
    ledger.finalize(key, migrator.now_s()).await?;
    let undelivered = match &request.output {
        Some(url) if ledger.delivered(key).await?.is_none() => Some(url.clone()),
        _ => None,
    };
    let Some(url) = undelivered else {
        return finish(migrator, &request, sealed, tally).await;
    };
    let results = ResultsDelivery {
        request,
        url,
        sealed,
        tally,
    };
    let deliver = |lease| deliver(migrator.clone(), results, lease);
    let slots = &migrator.task_slots;
    let delivery = &mut watched.delivery;
    delivery
        .begin_leased(slots, ledger, key, Work::Delivery, deliver)
        .await
}

async fn finish(
    migrator: &Migrator,
    request: &Request,
    sealed: Sealed,
    tally: Tally,
) -> Result<(), LedgerError> {
    let key = request.key();
    let status = FinalStatus::of(&tally);
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
    let end = Final {
        status,
        finished_s: migrator.now_s(),
        tally,
        fault: None,
        forecast: forecast(migrator, request, sealed, status).await?,
    };
    migrator.resources.ledger.finish(&key, &end).await
}
