//! The metrics of downloads.

use common::telemetry;
use metrics::{describe_counter, describe_gauge};

pub const HOSTS_OPEN: &str = "tagfleet_fetch_hosts_open";
pub const REFUSED: &str = "tagfleet_fetch_refused_total";
pub const UNREACHABLE: &str = "tagfleet_fetch_unreachable_total";
pub const RETRIED: &str = "tagfleet_fetch_retried_total";
pub const RESUMED: &str = "tagfleet_fetch_resumed_total";
pub const FILES: &str = "tagfleet_fetch_files_total";
pub const BYTES: &str = "tagfleet_fetch_bytes_total";
pub const DNS_LOOKUPS: &str = "tagfleet_dns_lookups_total";

pub fn describe() {
    describe_gauge!(
        HOSTS_OPEN,
        "Circuits that are open: of image hosts that cannot be reached, and of those that keep failing for one tenant"
    );
    describe_counter!(
        REFUSED,
        "Downloads that were not made or not used, by reason"
    );
    describe_counter!(
        UNREACHABLE,
        "Image hosts that could not be reached, by the true cause, which clients are not told"
    );
    describe_counter!(
        RETRIED,
        "Requests made once more, since the host had closed the connection that was kept for them"
    );
    describe_counter!(RESUMED, "Downloads that broke off and were gone on with");
    describe_counter!(FILES, "Files that were downloaded whole");
    describe_counter!(
        BYTES,
        "Bytes of files that were downloaded whole, as they came"
    );
    describe_counter!(
        DNS_LOOKUPS,
        "Names of image hosts looked up, by where the answer came from"
    );
    telemetry::begin_at_zero(&[RETRIED, RESUMED, FILES, BYTES]);
}
