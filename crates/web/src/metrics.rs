//! The metrics of requests.

use common::fault::Code;
use metrics::{Unit, describe_counter, describe_histogram};

pub const REQUEST_SECONDS: &str = "tagfleet_request_seconds";
pub const REQUESTS: &str = "tagfleet_requests_total";

pub fn describe_metrics() {
    describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Whole time of a request, by status"
    );
    describe_counter!(
        REQUESTS,
        "Tag requests ended, and requests refused for their key, by code"
    );
    begin_at_zero();
}

/// Good requests, and those that failed by our fault: rates of failures are seen from the first one on.
fn begin_at_zero() {
    metrics::counter!(REQUESTS, "code" => "ok").increment(0);
    let ours = Code::ALL
        .iter()
        .filter(|code| code.status() >= 500 || **code == Code::Overloaded);
    for code in ours {
        metrics::counter!(REQUESTS, "code" => code.name()).increment(0);
    }
}
