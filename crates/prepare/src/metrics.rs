//! The metrics of preparing images.

use common::fault::Fault;
use metrics::{counter, describe_counter};

pub const DECODERS_LOST: &str = "tagfleet_decoders_lost_total";

const FILES_REFUSED: &str = "tagfleet_files_refused_total";

/// Counts a file by what it was instead of an image that is read.
pub fn count_refused(fault: &Fault) {
    let reason = fault.reason.map_or("none", |reason| reason.name());
    counter!(FILES_REFUSED, "code" => fault.code.name(), "reason" => reason).increment(1);
}

pub fn describe() {
    describe_counter!(
        FILES_REFUSED,
        "Files that became no tile, by code and by what came instead of an image"
    );
    describe_counter!(
        DECODERS_LOST,
        "Decoding processes that were ended or died, by why"
    );
    for why in ["died", "too_slow", "starved", "crowded"] {
        counter!(DECODERS_LOST, "why" => why).increment(0);
    }
}
