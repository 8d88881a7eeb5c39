//! Requests that are sent again until they are taken; all of them make one batch.

use std::time::Duration;

use common::backoff::Pauses;
use serde_json::Value;

use super::client::Refused;

const TRIES: u32 = 6;
const PAUSES: Pauses = Pauses::doubling(Duration::from_secs(2), Duration::from_secs(10));

/// A name under which the service takes a request once.
pub fn random_key() -> String {
    format!("tagfleet-{:032x}", rand::random::<u128>())
}

pub async fn retried(send: impl AsyncFn() -> Result<Value, Refused>) -> Result<Value, Refused> {
    let mut tried = 1;
    loop {
        match send().await {
            Err(Refused::Passing(why)) if tried < TRIES => {
                eprintln!("sent once more, since {why}");
                PAUSES.wait(tried).await;
                tried += 1;
            }
            ended => return ended,
        }
    }
}
