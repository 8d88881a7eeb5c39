//! A decoding process that breaks on demand. No file is known that really
//! panics, aborts or hangs the decoders; files that begin with one of these
//! words stand in for it. All others are decoded as ever.

use std::{
    env,
    time::{Duration, Instant},
};

use common::{fault::Fault, model::TileSpec};
use prepare::{Limits, Picture};

pub const PANIC: &[u8] = b"make the decoder panic";
pub const ABORT: &[u8] = b"make the decoder abort";
pub const HANG: &[u8] = b"make the decoder hang";

/// `PROGRAM prepare-worker MEMORY_BYTES`.
pub fn run() -> anyhow::Result<()> {
    Ok(prepare::child::run(memory_bytes()?, decode)?)
}

/// `PROGRAM manifest-reader MEMORY_BYTES`.
pub fn read_list() -> anyhow::Result<()> {
    Ok(manifest::apart::run(memory_bytes()?)?)
}

fn memory_bytes() -> anyhow::Result<u64> {
    let bytes = env::args().nth(2).and_then(|bytes| bytes.parse().ok());
    bytes.ok_or_else(|| anyhow::anyhow!("ROLE MEMORY_BYTES"))
}

fn decode(file: &[u8], specs: &[TileSpec], limits: &Limits) -> Result<Picture, Fault> {
    match file {
        _ if file.starts_with(PANIC) => panic!("as a hostile file would make it"),
        _ if file.starts_with(ABORT) => std::process::abort(),
        _ if file.starts_with(HANG) => compute_for(Duration::from_secs(3600)),
        _ => {}
    }
    prepare::picture(file, specs, limits)
}

/// Busy, as a decoder hangs; to sleep, it is not even allowed.
fn compute_for(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}
