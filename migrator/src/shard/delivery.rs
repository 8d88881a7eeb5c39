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
use shards::{Ended, ExtraSlots, Run};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    context::Migrator,
    held_shards::{Holding, Taken},
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
enum NextAction {
    /// The shard is finished.
    Finish,
    /// The batch is gone.
    Drop,
    /// Somebody goes on with it, by a message of its own or of a later call.
    Republish,
    Requeue,
}

pub async fn handle(
    migrator: Arc<Migrator>,
    extra_slots: ExtraSlots,
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
    let republish_at = Instant::now() + migrator.config.hold();
    let name = format!("{}/{}/{}", shard.tenant, shard.batch, shard.number);
    let attempt = delivery.attempt;
    let holding = match migrator.held_shards.take(&name, delivery, shard.call) {
        Taken::First(holding) => holding,
        Taken::Copy(copy) => {
            return ack(copy, &shard, "a copy of the shard in hand is acked").await;
        }
    };
    let Shard { tenant, batch, .. } = &shard;
    tracing::info!(tenant, batch, shard = shard.number, attempt, "shard taken");
    common::fail_point!("migrator.taken");
    let in_hand = ShardInHand {
        key: BatchKey::new(tenant, batch),
        migrator,
        extra_slots,
        shard,
        holding,
        republish_at,
        stop,
    };
    in_hand.work_off().await;
}

/// A shard that is worked on here, as far as it is nobody else's copy.
struct ShardInHand {
    migrator: Arc<Migrator>,
    extra_slots: ExtraSlots,
    key: BatchKey,
    shard: Shard,
    holding: Holding,
    /// The broker would take its message back a while later.
    republish_at: Instant,
    stop: Shutdown,
}

impl ShardInHand {
    /// Works on it, and sees to its delivery.
    async fn work_off(self) {
        let Shard {
            tenant,
            batch,
            number,
            ..
        } = self.shard.clone();
        let ended = match self.retry_while_store_is_away().await {
            Ok(NextAction::Finish) => return self.finish().await,
            Ok(NextAction::Drop) => return end(self.holding, &self.shard, "shard let go").await,
            Ok(NextAction::Requeue) => {
                return tracing::info!(tenant, batch, shard = number, "shard goes back");
            }
            Ok(NextAction::Republish) => self.republish().await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(%error, tenant, batch, shard = number, "shard goes back");
            sleep(jittered(PAUSE)).await;
        }
    }

    /// Works on the shard, and keeps it in hand while the store is away. The broker counts each return as a failure, and
    /// drops a message that came back too often.
    async fn retry_while_store_is_away(&self) -> Result<NextAction, ShardError> {
        let mut failed = 0;
        let mut reminder = Reminder::default();
        loop {
            let error = match self.work().await {
                Err(error) if error.is_stores() && Instant::now() < self.republish_at => error,
                ended => return ended,
            };
            failed += 1;
            if reminder.is_due() {
                let Shard { tenant, batch, .. } = &self.shard;
                tracing::warn!(%error, failed, tenant, batch, shard = self.shard.number, "shard waits for the store");
            }
            tokio::select! {
                () = STORE_AWAY.wait(failed) => {}
                () = sleep_until(self.republish_at) => {}
                () = self.stop.cancelled() => return Ok(NextAction::Requeue),
            }
        }
    }

    async fn work(&self) -> Result<NextAction, ShardError> {
        let ledger = &self.migrator.resources.ledger;
        let Some(request) = ledger.request(&self.key).await? else {
            // Somebody has removed the batch.
            return Ok(NextAction::Drop);
        };
        let call = self.holding.call();
        let number = self.shard.number;
        if ledger.is_called_since(&self.key, number, call).await? {
            return Ok(NextAction::Republish);
        }
        match request.source() {
            Some(source) => self.retag(request, source).await,
            None => self.tag(request).await,
        }
    }

    /// Makes its tags of another batch's scores.
    async fn retag(&self, request: Request, source: BatchKey) -> Result<NextAction, ShardError> {
        tokio::select! {
            made = self.migrator.retagger.retag(request, &source, self.shard.number) => {
                made?;
                Ok(NextAction::Finish)
            }
            // There was no room for it in all that time.
            () = sleep_until(self.republish_at) => Ok(NextAction::Republish),
            () = self.stop.cancelled() => Ok(NextAction::Requeue),
        }
    }

    /// Has its images tagged.
    async fn tag(&self, request: Request) -> Result<NextAction, ShardError> {
        let number = self.shard.number;
        let opened = tokio::select! {
            opened = open(&self.migrator, request, &self.key, number) => opened?,
            // There was no room for it in all that time.
            () = sleep_until(self.republish_at) => return Ok(NextAction::Republish),
            () = self.stop.cancelled() => return Ok(NextAction::Requeue),
        };
        match opened {
            Opened::Gone => Ok(NextAction::Drop),
            Opened::Finished => {
                let ledger = &self.migrator.resources.ledger;
                ledger.clear_log(&self.key, number).await?;
                Ok(NextAction::Finish)
            }
            Opened::Run(run) => self.run(run).await,
        }
    }

    async fn run(&self, run: Box<Run>) -> Result<NextAction, ShardError> {
        match run
            .go(&self.extra_slots, self.republish_at, &self.stop)
            .await?
        {
            Ended::Done(log) => {
                log.close().await?;
                Ok(NextAction::Finish)
            }
            Ended::Closed => Ok(NextAction::Finish),
            Ended::Republish if self.stop.is_cancelled() => Ok(NextAction::Requeue),
            Ended::Republish => Ok(NextAction::Republish),
        }
    }

    async fn finish(self) {
        common::fail_point!("migrator.closed");
        end(self.holding, &self.shard, "shard acked").await;
        // What is announced next, and whether it was the last one, holds up no place for shards.
        self.migrator.hints.look_at(self.key);
    }

    /// Has somebody go on with the shard.
    async fn republish(self) -> Result<(), ShardError> {
        let Resources { queue, ledger, .. } = &self.migrator.resources;
        let number = self.shard.number;
        let call = self.holding.call();
        let is_called_since = ledger.is_called_since(&self.key, number, call).await?;
        // Out of hand first: what is published may come back here at once, and is no copy then.
        let Some(delivery) = self.holding.end_of(call) else {
            return Ok(());
        };
        if !is_called_since {
            // A message of its own: the broker would count a return as a failure, and its clock for this delivery runs.
            publish(queue, &self.key, number, call).await?;
        }
        ack(delivery, &self.shard, "shard handed on").await;
        Ok(())
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
    let run = Run::new(migrator.tagger.clone(), request.into(), log, shard);
    Ok(Opened::Run(Box::new(run)))
}
