//! The metrics of admission.

use metrics::{Unit, describe_counter, describe_gauge};

pub const IN_FLIGHT: &str = "tagfleet_requests_in_flight";
pub const PREDICTED_WAIT: &str = "tagfleet_predicted_wait_seconds";
pub const SHED: &str = "tagfleet_shed_total";
pub const SHEDDING: &str = "tagfleet_shedding";

pub fn describe_metrics() {
    describe_gauge!(IN_FLIGHT, "Tag requests under way in this API server");
    describe_gauge!(
        PREDICTED_WAIT,
        Unit::Seconds,
        "How long a request that comes now is foretold to wait for decoders and workers"
    );
    describe_counter!(
        SHED,
        "Requests that went without their caption, or were refused for their tier, because the queue is long"
    );
    describe_gauge!(SHEDDING, "1 while this is shed");
    for what in ["captions", "low_tier"] {
        metrics::counter!(SHED, "what" => what).increment(0);
    }
}
