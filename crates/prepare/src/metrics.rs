//! The metrics of preparing images.

use metrics::describe_counter;

pub const DECODERS_LOST: &str = "tagfleet_decoders_lost_total";

pub fn describe() {
    describe_counter!(
        DECODERS_LOST,
        "Decoding processes that were ended or died, by why"
    );
}
