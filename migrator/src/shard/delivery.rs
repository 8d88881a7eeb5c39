//! One delivery of a shard, until it is finished, handed on, or goes back.

use std::{sync::Arc, time::Duration};

use common::{
    backoff::{Pauses, Reminder, jittered},
    queue::{QueueError, ShardDelivery},
    shutdown::Shutdown,
    store::StoreError,
    wire::{self, Shard},
};
use ledger::{BatchKey, LedgerError, Log, Request, announce::publish};
use resources::Resources;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    run::{Ended, Run},
    stand_ins::StandIns,
};
use crate::{
    context::Migrator,
    in_hand::{Holding, Taken},
    retag,
};

/// Before a shard goes back that could not be worked on: it comes again at once.
const PAUSE: Duration = Duration::from_secs(2);
/// Between tries of a shard in hand while the store is away.
const STORE_AWAY: Pauses = Pauses::doubling(Duration::from_secs(1), Duration::from_secs(30));

#[derive(Debug, thiserror::Error)]
enum ShardError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl ShardError {
    /// Returns whether the store failed, as it does while it is away, rather than what is in it.
    fn is_stores(&self) -> bool {
        matches!(
            self,
            Self::Ledger(LedgerError::Store(StoreError::Failed(_)))
        )
    }
}

/// What becomes of the delivery.
enum Then {
    /// The shard is finished.
    Finish,
    /// The batch is gone.
    LetGo,
    /// Somebody goes on with it, by a message of its own or of a later call.
    HandOn,
    GoBack,
}

pub async fn handle(
    migrator: Arc<Migrator>,
    stand_ins: StandIns,
    delivery: ShardDelivery,
    stop: Shutdown,
) {
    let shard: Shard = match wire::decode(&delivery.payload) {
        Ok(shard) => shard,
        Err(error) => {
            // A newer migrator may read it.
            tracing::error!(%error, attempt = delivery.attempt, "shard not understood, sent back");
            return sleep(PAUSE).await;
        }
    };
    // The broker's clock runs from here, whatever is waited for.
    let hand_on_at = Instant::now() + migrator.config.hold();
    let key = BatchKey::new(&shard.tenant, &shard.batch);
    let name = format!("{}/{}/{}", shard.tenant, shard.batch, shard.number);
    let attempt = delivery.attempt;
    let holding = match migrator.in_hand.take(&name, delivery, shard.call) {
        Taken::First(holding) => holding,
        Taken::Copy(copy) => {
            return ack(copy, &shard, "a copy of the shard in hand is acked").await;
        }
    };
    let Shard { tenant, batch, .. } = &shard;
    tracing::info!(tenant, batch, shard = shard.number, attempt, "shard taken");
    common::fail_point!("migrator.taken");
    let worked = persevere(
        &migrator, &stand_ins, &key, &shard, &holding, hand_on_at, &stop,
    )
    .await;
    let ended = match worked {
        Ok(Then::Finish) => {
            common::fail_point!("migrator.closed");
            end(holding, &shard, "shard acked").await;
            // What is announced next, and whether it was the last one, holds up no place for shards.
            migrator.hints.look_at(key);
            return;
        }
        Ok(Then::LetGo) => return end(holding, &shard, "shard let go").await,
        Ok(Then::GoBack) => {
            return tracing::info!(tenant, batch, shard = shard.number, "shard goes back");
        }
        Ok(Then::HandOn) => hand_on(&migrator, &key, &shard, holding).await,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::warn!(%error, tenant, batch, shard = shard.number, "shard goes back");
        sleep(jittered(PAUSE)).await;
    }
}

async fn end(holding: Holding, shard: &Shard, what: &str) {
    if let Some(delivery) = holding.end() {
        ack(delivery, shard, what).await;
    }
}

async fn ack(delivery: ShardDelivery, shard: &Shard, what: &str) {
    let what = match delivery.ack().await {
        Ok(true) => what,
        _ => "shard done; the broker delivers it once more",
    };
    let tenant = &shard.tenant;
    let batch = &shard.batch;
    tracing::info!(tenant, batch, shard = shard.number, "{what}");
}

/// Works on the shard, and keeps it in hand while the store is away. The broker counts each return as a failure, and drops a
/// message that came back too often.
async fn persevere(
    migrator: &Arc<Migrator>,
    stand_ins: &StandIns,
    key: &BatchKey,
    shard: &Shard,
    holding: &Holding,
    hand_on_at: Instant,
    stop: &Shutdown,
) -> Result<Then, ShardError> {
    let mut failed = 0;
    let mut reminder = Reminder::default();
    loop {
        let error = match work(migrator, stand_ins, key, shard, holding, hand_on_at, stop).await {
            Err(error) if error.is_stores() && Instant::now() < hand_on_at => error,
            ended => return ended,
        };
        failed += 1;
        if reminder.is_due() {
            let Shard { tenant, batch, .. } = shard;
            tracing::warn!(%error, failed, tenant, batch, shard = shard.number, "shard waits for the store");
        }
        tokio::select! {
            () = STORE_AWAY.wait(failed) => {}
            () = sleep_until(hand_on_at) => {}
            () = stop.cancelled() => return Ok(Then::GoBack),
        }
    }
}

async fn work(
    migrator: &Arc<Migrator>,
    stand_ins: &StandIns,
    key: &BatchKey,
    shard: &Shard,
    holding: &Holding,
    hand_on_at: Instant,
    stop: &Shutdown,
) -> Result<Then, ShardError> {
    let ledger = &migrator.resources.ledger;
    let Some(request) = ledger.request(key).await? else {
        // Somebody has removed the batch.
        return Ok(Then::LetGo);
    };
    let call = holding.call();
    if ledger.is_called_since(key, shard.number, call).await? {
        return Ok(Then::HandOn);
    }
    if let Some(source) = request.source() {
        return tokio::select! {
            made = retag::work(migrator, request, &source, shard.number) => Ok(made.map(|()| Then::Finish)?),
            // There was no room for it in all that time.
            () = sleep_until(hand_on_at) => Ok(Then::HandOn),
            () = stop.cancelled() => Ok(Then::GoBack),
        };
    }
    let opened = tokio::select! {
        opened = open(migrator, request, key, shard.number) => opened?,
        // There was no room for it in all that time.
        () = sleep_until(hand_on_at) => return Ok(Then::HandOn),
        () = stop.cancelled() => return Ok(Then::GoBack),
    };
    match opened {
        Opened::Gone => Ok(Then::LetGo),
        Opened::Finished => {
            ledger.clear_log(key, shard.number).await?;
            Ok(Then::Finish)
        }
        Opened::Run(run) => match run.go(stand_ins, hand_on_at, stop).await? {
            Ended::Done(log) => {
                log.close().await?;
                Ok(Then::Finish)
            }
            Ended::Closed => Ok(Then::Finish),
            Ended::HandOn if stop.is_cancelled() => Ok(Then::GoBack),
            Ended::HandOn => Ok(Then::HandOn),
        },
    }
}

/// Has somebody go on with the shard.
async fn hand_on(
    migrator: &Migrator,
    key: &BatchKey,
    shard: &Shard,
    holding: Holding,
) -> Result<(), ShardError> {
    let Resources { queue, ledger, .. } = &migrator.resources;
    let call = holding.call();
    let is_called_since = ledger.is_called_since(key, shard.number, call).await?;
    // Out of hand first: what is published may come back here at once, and is no copy then.
    let Some(delivery) = holding.end_of(call) else {
        return Ok(());
    };
    if !is_called_since {
        // A message of its own: the broker would count a return as a failure, and its clock for this delivery runs.
        publish(queue, key, shard.number, call).await?;
    }
    ack(delivery, shard, "shard handed on").await;
    Ok(())
}

/// What is found of a shard.
enum Opened {
    /// The batch is being removed.
    Gone,
    /// Somebody else has finished it.
    Finished,
    Run(Box<Run>),
}

async fn open(
    migrator: &Arc<Migrator>,
    request: Request,
    key: &BatchKey,
    number: u32,
) -> Result<Opened, LedgerError> {
    let ledger = &migrator.resources.ledger;
    let Some(log) = Log::open(ledger, key, number).await? else {
        return Ok(Opened::Finished);
    };
    let budget = &migrator.resources.budget;
    let shard = loop {
        match ledger.shard(&request, number, budget).await {
            Err(LedgerError::Store(StoreError::NoRoom)) => sleep(PAUSE).await,
            shard => break shard?,
        }
    };
    let Some(shard) = shard else {
        return Ok(Opened::Gone);
    };
    let run = Run::new(migrator.clone(), request.into(), log, shard);
    Ok(Opened::Run(Box::new(run)))
}
