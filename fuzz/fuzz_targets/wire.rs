//! Any bytes as each message that travels between processes.
#![no_main]

use common::wire::{self, CaptionJob, Job, JobResult, Pressure, Shard, Versioned, WorkerInfo};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check::<Job>(bytes);
    check::<JobResult>(bytes);
    check::<WorkerInfo>(bytes);
    check::<CaptionJob>(bytes);
    check::<Shard>(bytes);
    check::<Pressure>(bytes);
});

/// What was read is written in one way only, which is read again.
fn check<T: Versioned>(bytes: &[u8]) {
    let Ok(message) = wire::decode::<T>(bytes) else {
        return;
    };
    let written = wire::encode(&message);
    let again = wire::decode::<T>(&written).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(wire::encode(&again), written, "it is another message");
}
