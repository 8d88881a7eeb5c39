//! The metrics of shards.

use metrics::describe_counter;

pub const RETRIES: &str = "tagfleet_migrate_retries_total";

pub fn describe() {
    describe_counter!(RETRIES, "Items that were put off or tried again, by code");
}
