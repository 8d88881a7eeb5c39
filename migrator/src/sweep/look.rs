//! One look at one batch: what is to be done next, depending on how far it is.

use std::{sync::Arc, time::Duration};

use ending::{Due, ResultsDelivery};

use super::{
    announcing::{Since, keep_announced},
    watched::{Next, Watched},
};
use crate::{context::Migrator, intake::take_in};
use ledger::{BatchKey, Facts, Final, FinalStatus, LeaseKind, LedgerError, Request, Sealed, Tally};

/// A list that is not whole by then will not be.
const COMES_IN_WITHIN_S: u64 = 24 * 3_600;
/// What says what is asked of it is written right after its marker.
const BEGUN_WITHIN_S: u64 = 3_600;
/// The longest pause while a list comes in: whoever takes it announces its shards.
const COMES_IN: Next = Next::Within(Duration::from_secs(30));
/// The longest pause while another migrator may be at a batch, which dies within half a minute, or there is no slot for it.
const ELSEWHERE: Next = Next::Within(Duration::from_secs(10));
/// A task that ends says so.
const TASK_UNDER_WAY: Next = Next::Within(Duration::from_secs(60));
/// The next listing is without it.
const CLOSED: Next = Next::After(Duration::from_secs(60));
/// Nothing but time brings these further.
const RARELY: Next = Next::Within(Duration::from_secs(60));

pub async fn look(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    since: Since,
    watched: &mut Watched,
) -> Result<Next, LedgerError> {
    if watched.has_task() {
        return Ok(TASK_UNDER_WAY);
    }
    let survey = migrator.resources.ledger.survey(key).await?;
    let facts = &survey.facts;
    let Some(request) = &facts.request else {
        return forget_remains(migrator, key).await;
    };
    if facts.ended.is_some() {
        return look_at_ended(migrator, key, request, watched).await;
    }
    let Some(sealed) = facts.sealed else {
        return look_at_intake(migrator, key, request, watched).await;
    };
    if sealed.is_void() {
        let ledger = &migrator.resources.ledger;
        ledger.remove_unsealed(key, migrator.now_s()).await?;
        return Ok(CLOSED);
    }
    if survey.finished_shards() >= sealed.shards {
        return look_at_end(migrator, key, facts, sealed, watched).await;
    }
    keep_announced(migrator, key, sealed, &survey, since, watched).await
}

/// Removes a batch that was forgotten by half, or never begun. Its marker comes first, so it may be a moment old.
async fn forget_remains(migrator: &Migrator, key: &BatchKey) -> Result<Next, LedgerError> {
    let created_s = key.created_ms().map_or(0, |created_ms| created_ms / 1_000);
    if migrator.now_s() < created_s + BEGUN_WITHIN_S {
        return Ok(COMES_IN);
    }
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        "what was left of a batch is removed"
    );
    migrator.resources.ledger.forget(key).await?;
    Ok(CLOSED)
}

/// Has whoever wants to know told, or closes the batch.
async fn look_at_ended(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    request: &Request,
    watched: &mut Watched,
) -> Result<Next, LedgerError> {
    let due = match &request.webhook_url {
        Some(url) => migrator.webhooks.due(key, url).await?,
        None => Due::Done,
    };
    match due {
        Due::Done => {
            migrator.resources.ledger.close(key).await?;
            Ok(CLOSED)
        }
        Due::After(pause) => Ok(Next::After(pause)),
        Due::Unsigned => Ok(RARELY),
        Due::Now(tried) => {
            let telling = migrator.webhooks.clone().tell(request.clone(), tried);
            let slots = &migrator.task_slots;
            watched.webhook.begin_webhook(slots, key, telling);
            Ok(ELSEWHERE)
        }
    }
}

async fn look_at_intake(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    request: &Request,
    watched: &mut Watched,
) -> Result<Next, LedgerError> {
    let ledger = &migrator.resources.ledger;
    if let Some(manifest) = request.manifest.clone() {
        let take_in = |lease| take_in(migrator.clone(), request.clone(), manifest, lease);
        let slots = &migrator.task_slots;
        let intake = &mut watched.intake;
        intake
            .begin_leased(slots, ledger, key, LeaseKind::Intake, take_in)
            .await?;
        return Ok(ELSEWHERE);
    }
    if migrator.now_s() > request.created_s + COMES_IN_WITHIN_S {
        tracing::info!(
            tenant = key.tenant,
            batch = key.id,
            "a batch that never came in whole is removed"
        );
        ledger.forget(key).await?;
        return Ok(CLOSED);
    }
    Ok(COMES_IN)
}

async fn look_at_end(
    migrator: &Arc<Migrator>,
    key: &BatchKey,
    facts: &Facts,
    sealed: Sealed,
    watched: &mut Watched,
) -> Result<Next, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let Some(request) = &facts.request else {
        return Ok(RARELY);
    };
    if facts.finalizing_s.is_none() {
        ledger.finalize(key, migrator.now_s()).await?;
    }
    let tally = ledger.progress(key).await?.tally;
    let undelivered = request.output.clone();
    let Some(url) = undelivered.filter(|_| facts.delivered.is_none()) else {
        finish(migrator, request, sealed, tally).await?;
        return Ok(Next::Now);
    };
    let results = ResultsDelivery {
        request: request.clone(),
        url,
        sealed,
        tally,
    };
    let deliver = |lease| migrator.results.clone().deliver(results, lease);
    let slots = &migrator.task_slots;
    let delivery = &mut watched.delivery;
    delivery
        .begin_leased(slots, ledger, key, LeaseKind::Delivery, deliver)
        .await?;
    Ok(ELSEWHERE)
}

async fn finish(
    migrator: &Migrator,
    request: &Request,
    sealed: Sealed,
    tally: Tally,
) -> Result<(), LedgerError> {
    let key = request.key();
    let status = FinalStatus::of(&tally);
    let completed = tally.completed;
    let failed = tally.failed;
    tracing::info!(
        tenant = key.tenant,
        batch = key.id,
        completed,
        failed,
        ?status,
        "batch ended"
    );
    // The next look tells who wants to know, and closes it.
    let forecast = migrator.forecasts.forecast(request, sealed, status);
    let forecast = forecast.await?;
    let end = Final {
        status,
        finished_s: migrator.now_s(),
        tally,
        fault: None,
        forecast,
    };
    migrator.resources.ledger.finish(&key, &end).await
}
