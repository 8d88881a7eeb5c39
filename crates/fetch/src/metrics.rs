//! The metrics of downloads.

use metrics::{describe_counter, describe_gauge};

pub const HOSTS_OPEN: &str = "tagfleet_fetch_hosts_open";
pub const REFUSED: &str = "tagfleet_fetch_refused_total";
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
        DNS_LOOKUPS,
        "Names of image hosts looked up, by where the answer came from"
    );
}
