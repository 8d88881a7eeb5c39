//! The metrics of migrating.

use metrics::{counter, describe_counter, describe_gauge};

pub const ITEMS: &str = "tagfleet_migrate_items_total";
pub const RETRIES: &str = "tagfleet_migrate_retries_total";
pub const WEBHOOKS: &str = "tagfleet_webhooks_total";
pub const OPEN_BATCHES: &str = "tagfleet_batches_open";

pub fn describe() {
    describe_counter!(ITEMS, "Items of batches that came to an end, by code");
    describe_counter!(RETRIES, "Items that were put off or tried again, by code");
    describe_counter!(
        WEBHOOKS,
        "Webhooks that were sent, by outcome: taken, not_taken (and sent again), or given_up"
    );
    counter!(ITEMS, "code" => "ok").increment(0);
    for outcome in ["taken", "not_taken", "given_up"] {
        counter!(WEBHOOKS, "outcome" => outcome).increment(0);
    }
    describe_gauge!(OPEN_BATCHES, "Batches that somebody has to look after");
}
