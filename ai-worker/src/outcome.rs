//! Results on their way to whoever waits.

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{
    backoff::Pauses,
    bus::{Bus, ResultKey},
    queue::{Delivery, Priority},
    seal::{Opened, Seal},
    wire::{self, Job, JobResult},
};

/// Tries at storing a result, however little time there is.
const LEAST_TRIES: u32 = 5;
const STORE_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(200), Duration::from_millis(1_200));

/// Where a result goes.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    pub reply_to: &'a str,
    /// What its job wants it to be sealed with.
    pub seal: Option<&'a Seal>,
    /// It says how long the result is kept.
    pub priority: Priority,
}

impl<'a> Destination<'a> {
    pub fn of(job: &'a Job, priority: Priority) -> Self {
        Self {
            reply_to: &job.reply_to,
            seal: job.seal.as_ref(),
            priority,
        }
    }
}

/// Returns whether the result is stored. It is held for as long as somebody waits for it: Redis may be away for a while, and
/// a job that went back would count as one that has failed. After `until` it goes back, and has expired there.
pub async fn store(
    bus: &Bus,
    destination: Destination<'_>,
    result: &JobResult,
    until: Instant,
) -> bool {
    let key = ResultKey {
        tenant: result.tenant.clone(),
        id: result.id.clone(),
    };
    let Destination {
        reply_to,
        seal,
        priority,
    } = destination;
    let payload = sealed(seal, result);
    let mut tried = 0;
    while tried < LEAST_TRIES || Instant::now() < until {
        tried += 1;
        let payload = payload.clone();
        let stored = match priority {
            Priority::Realtime => bus.store_result(reply_to, &key, payload).await,
            Priority::Bulk => bus.store_bulk_result(reply_to, &key, payload).await,
        };
        match stored {
            Ok(()) => return true,
            Err(error) => {
                tracing::warn!(%error, id = key.id, tried, "the result could not be stored");
            }
        }
        STORE_PAUSES.wait(tried).await;
    }
    false
}

/// Returns whether a job has its result. One comes again where its ack was lost, and is not done again then: it would use up
/// its attempts, and end as a dead letter that says it failed. A worker whose user may read no results learns only that there is
/// one.
pub async fn is_there(bus: &Bus, key: &ResultKey, seal: Option<&Seal>) -> bool {
    match (bus.result(key).await, seal) {
        (Ok(Some(payload)), Some(seal)) => matches!(seal.open(payload), Opened::Proven(_)),
        (Ok(Some(_)), None) => true,
        (Ok(None), _) => false,
        (Err(_), _) => bus.renew_result(key).await.unwrap_or(false),
    }
}

/// Acks a job that needs no more work here. Should that fail, it comes again.
pub async fn ack_only(delivery: Delivery, id: &str, why: &'static str) {
    let attempt = delivery.attempt;
    let acked = matches!(delivery.ack().await, Ok(true));
    tracing::debug!(id, attempt, acked, "{why}");
}

/// Returns a result as it is stored: with the seal that its job asked for.
pub fn sealed(seal: Option<&Seal>, result: &JobResult) -> Bytes {
    let payload = wire::encode(result);
    match seal {
        Some(seal) => seal.close(&payload),
        None => payload.into(),
    }
}

/// Returns the code under which a result is counted and logged.
pub fn code(result: &JobResult) -> &'static str {
    match &result.outcome {
        Ok(_) => "ok",
        Err(fault) => fault.code.name(),
    }
}

/// Returns the status of the caption, where the job has not failed.
pub fn caption_status(result: &JobResult) -> Option<&'static str> {
    match &result.outcome {
        Ok(tagged) => Some(tagged.caption.status_name()),
        Err(_) => None,
    }
}
