//! What this process's engines have done since they were last asked. One count a process, as for its metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use common::wire::{WIRE_VERSION, WorkerLoad};

static BATCHES: AtomicU64 = AtomicU64::new(0);
static IMAGES: AtomicU64 = AtomicU64::new(0);

pub fn count_batch(images: usize) {
    BATCHES.fetch_add(1, Relaxed);
    IMAGES.fetch_add(images as u64, Relaxed);
}

/// Returns what was done within `passed`, and begins anew.
pub fn take(worker: &str, passed: Duration) -> WorkerLoad {
    let batches = BATCHES.swap(0, Relaxed);
    let images = IMAGES.swap(0, Relaxed) as f64;
    WorkerLoad {
        v: WIRE_VERSION,
        worker: worker.to_owned(),
        images_per_s: images / passed.as_secs_f64().max(1e-3),
        images_per_batch: images / batches.max(1) as f64,
    }
}
