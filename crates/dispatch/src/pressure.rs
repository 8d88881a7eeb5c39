//! How long real-time jobs wait for a worker: measured where their results
//! come in, told on the bus, and heeded by migrators.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use common::{
    bus::{Bus, BusError},
    stage::{Stage, Timings},
    wire::{self, Pressure, announced},
};

pub const TOLD_EVERY: Duration = Duration::from_millis(500);
/// What was told is heeded for so long.
const HEEDED: Duration = Duration::from_secs(2);

/// Sums up the jobs since the last look.
#[derive(Debug, Default)]
pub struct Waits {
    jobs: AtomicU64,
    wait_us: AtomicU64,
}

impl Waits {
    /// Takes the wait from a worker's timings: in the queue, and for its engine.
    pub fn note(&self, timings: &Timings) {
        let ms = [Stage::Queue, Stage::BatchWait]
            .iter()
            .filter_map(|stage| timings.get_ms(*stage))
            .sum::<f64>();
        self.add((ms * 1e3) as u64);
    }

    /// Counts a job that did not come back in time: all its time, whatever it waited for.
    pub fn note_late(&self, wait: Duration) {
        self.add(wait.as_micros() as u64);
    }

    fn add(&self, wait_us: u64) {
        self.wait_us.fetch_add(wait_us, Relaxed);
        self.jobs.fetch_add(1, Relaxed);
    }

    /// Says it, where there was anything to be said.
    pub async fn tell(&self, bus: &Bus, api: &str) {
        let jobs = self.jobs.swap(0, Relaxed);
        let wait_us = self.wait_us.swap(0, Relaxed);
        if let Some(mean) = wait_us.checked_div(jobs) {
            let pressure = Pressure {
                v: wire::WIRE_VERSION,
                jobs,
                wait_us: mean,
            };
            if let Err(error) = bus
                .announce(
                    announced::REALTIME_WAIT,
                    api,
                    wire::encode(&pressure).into(),
                    HEEDED,
                )
                .await
            {
                tracing::debug!(%error, "nobody hears how long real-time jobs wait");
            }
        }
    }
}

/// What all API servers told of the last moments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    pub servers: usize,
    /// Results of all of them.
    pub jobs: u64,
    /// The mean wait; nothing where there are no real-time jobs.
    pub wait: Option<Duration>,
}

impl Heard {
    pub fn jobs_per_s(&self) -> f64 {
        self.jobs as f64 / TOLD_EVERY.as_secs_f64()
    }
}

pub async fn heard(bus: &Bus) -> Result<Heard, BusError> {
    let told = bus.announced(announced::REALTIME_WAIT).await?;
    let told: Vec<Pressure> = told
        .iter()
        .filter_map(|payload| wire::decode(payload).ok())
        .collect();
    let jobs: u64 = told.iter().map(|pressure| pressure.jobs).sum();
    let wait_us: u64 = told
        .iter()
        .map(|pressure| pressure.jobs.saturating_mul(pressure.wait_us))
        .sum();
    Ok(Heard {
        servers: told.len(),
        jobs,
        wait: wait_us.checked_div(jobs).map(Duration::from_micros),
    })
}
