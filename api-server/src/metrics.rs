//! The metrics of the API server.

use common::fault::Code;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub const REQUEST_SECONDS: &str = "tagfleet_request_seconds";
pub const REQUESTS: &str = "tagfleet_requests_total";
pub const IN_FLIGHT: &str = "tagfleet_requests_in_flight";
pub const PREDICTED_WAIT: &str = "tagfleet_predicted_wait_seconds";
pub const SHED: &str = "tagfleet_shed_total";
pub const SHEDDING: &str = "tagfleet_shedding";
pub const QUEUE_MESSAGES: &str = "tagfleet_queue_messages";
pub const BATCH_REQUESTS: &str = "tagfleet_batch_requests_total";

pub fn describe() {
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Whole time of a request, by status"
    );
    describe_counter!(
        REQUESTS,
        "Tag requests ended, and requests refused for their key, by code"
    );
    describe_gauge!(IN_FLIGHT, "Tag requests under way in this API server");
    describe_gauge!(
        PREDICTED_WAIT,
        Unit::Seconds,
        "How long a request that comes now is foretold to wait for decoders and workers"
    );
    describe_counter!(
        SHED,
        "Requests that went without their caption, or were refused for their tier, because the line is long"
    );
    describe_gauge!(SHEDDING, "1 while this is shed");
    describe_counter!(BATCH_REQUESTS, "Requests about batches, by code");
    describe_gauge!(
        QUEUE_MESSAGES,
        "Messages that wait in a queue in this process; a broker tells of its own"
    );
    begin_at_zero();
}

/// Good requests, what is shed, and those that failed by our fault: rates of failures are seen from the first one on.
fn begin_at_zero() {
    metrics::counter!(REQUESTS, "code" => "ok").increment(0);
    for what in ["captions", "low_tier"] {
        metrics::counter!(SHED, "what" => what).increment(0);
    }
    let ours = Code::ALL
        .iter()
        .filter(|code| code.status() >= 500 || **code == Code::Overloaded);
    for code in ours {
        metrics::counter!(REQUESTS, "code" => code.name()).increment(0);
    }
}
