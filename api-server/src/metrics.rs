//! The metrics of the API server itself.

use metrics::{describe_counter, describe_gauge};

pub const QUEUE_MESSAGES: &str = "tagfleet_queue_messages";
pub const BATCH_REQUESTS: &str = "tagfleet_batch_requests_total";

pub fn describe() {
    describe_counter!(BATCH_REQUESTS, "Requests about batches, by code");
    describe_gauge!(
        QUEUE_MESSAGES,
        "Messages that wait in a queue in this process; a broker tells of its own"
    );
}
