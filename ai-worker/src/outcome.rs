//! Results on their way to whoever waits.

use std::time::Duration;

use bytes::Bytes;
use common::{
    backoff::Pauses,
    bus::{Bus, ResultKey},
    wire::{self, JobResult},
};

/// Tries at storing a result before the job is left to another worker.
const STORE_TRIES: u32 = 5;
const STORE_PAUSES: Pauses =
    Pauses::doubling(Duration::from_millis(200), Duration::from_millis(1_200));

/// Returns whether the result is stored. If it cannot be, the job is worth more
/// than this work: it goes back and is done again.
pub async fn store(bus: &Bus, reply_to: &str, result: &JobResult) -> bool {
    let key = ResultKey {
        tenant: result.tenant.clone(),
        id: result.id.clone(),
    };
    let payload = Bytes::from(wire::encode(result));
    for attempt in 1..=STORE_TRIES {
        match bus.store_result(reply_to, &key, payload.clone()).await {
            Ok(()) => return true,
            Err(error) => {
                tracing::warn!(%error, id = key.id, attempt, "the result could not be stored");
            }
        }
        STORE_PAUSES.wait(attempt).await;
    }
    false
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
        Ok(tagged) => Some(tagged.caption.status.name()),
        Err(_) => None,
    }
}
