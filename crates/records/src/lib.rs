//! What became of each request: kept for whoever asks why it was slow or refused, and exported as traces.

mod notable;
mod record;
mod store;
mod traces;

use common::telemetry;
use metrics::describe_counter;

pub use notable::{NotableRequests, RequestBrief};
pub use record::{BatchRecord, RequestRecord, StageRecord, stages};
pub use store::Records;
pub use traces::{TraceConfig, TraceContext, Traces};

/// Requests whose story was not kept, because the result store was slow or away.
pub const RECORDS_DROPPED: &str = "tagfleet_request_records_dropped_total";
/// Traces that a collector took.
pub const TRACES_EXPORTED: &str = "tagfleet_traces_exported_total";
/// Traces that no collector took, or that came faster than it takes them.
pub const TRACES_DROPPED: &str = "tagfleet_traces_dropped_total";

pub fn describe_metrics() {
    describe_counter!(
        RECORDS_DROPPED,
        "Records of requests that could not be kept"
    );
    describe_counter!(TRACES_EXPORTED, "Traces that a collector took");
    describe_counter!(TRACES_DROPPED, "Traces that no collector took");
    telemetry::begin_at_zero(&[RECORDS_DROPPED, TRACES_EXPORTED, TRACES_DROPPED]);
}
