//! The metrics of the migrator itself.

use metrics::describe_gauge;

pub const OPEN_BATCHES: &str = "tagfleet_batches_open";

pub fn describe() {
    describe_gauge!(OPEN_BATCHES, "Batches that somebody has to look after");
}
