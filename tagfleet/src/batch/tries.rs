//! Requests that are sent again until they are taken; all of them make one batch.

use std::time::Duration;

use serde_json::Value;

use super::client::Refused;

const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_secs(2);

/// A name under which the service takes a request once.
pub fn random_key() -> String {
    format!("tagfleet-{:032x}", rand::random::<u128>())
}

pub async fn stubborn<F: Future<Output = Result<Value, Refused>>>(
    send: impl Fn() -> F,
) -> Result<Value, Refused> {
    let mut tried = 1;
    loop {
        match send().await {
            Err(Refused::Passing(why)) if tried < TRIES => {
                eprintln!("sent once more, since {why}");
                tokio::time::sleep(PAUSE * tried).await;
                tried += 1;
            }
            ended => return ended,
        }
    }
}
