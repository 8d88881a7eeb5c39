//! What came of it.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Longest time that is told apart from longer ones, microseconds.
const LONGEST_US: u64 = 600_000_000;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Answered,
    /// From the cache.
    Cached,
    /// Told at once that it would be too late.
    Refused,
    /// Its time was over.
    Late,
    /// Its picture did not come.
    Origin,
    /// Lost with the server that had it, or with the broker.
    Lost,
}

#[derive(Clone, Debug)]
pub struct Outcome {
    /// What arrived after the warm-up; the other counts are of the same requests.
    pub offered: u64,
    pub answered: u64,
    pub cached: u64,
    pub in_slo: u64,
    pub refused: u64,
    pub late: u64,
    pub origin: u64,
    pub lost: u64,
    /// Answers without the sentence that was asked for.
    pub degraded: u64,
    pub bulk: u64,
    /// All requests, the warm-up's too, and all that ended.
    pub came: u64,
    pub went: u64,
    pub batches: u64,
    pub batched: u64,
    /// Messages at the broker, and jobs in them.
    pub messages: u64,
    pub bundled: u64,
    /// The times of good answers, microseconds.
    pub latency: Histogram<u64>,
    /// Sums over good answers, seconds.
    pub stages: Stages,
    /// Parts of the time in which cores and engines were busy.
    pub busy: Busy,
    pub seconds: Vec<Second>,
    pub events: u64,
    /// All that happened, as one number: the same for the same seed.
    pub digest: u64,
    /// All that happened, line by line, where it was asked for.
    pub log: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stages {
    pub fetch_s: f64,
    pub prepare_s: f64,
    pub queue_s: f64,
    pub batch_wait_s: f64,
    pub infer_s: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Busy {
    pub servers: f64,
    pub workers: f64,
    pub engines: f64,
    pub broker: f64,
    pub bus: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Second {
    pub offered: u32,
    pub answered: u32,
    pub refused: u32,
    pub failed: u32,
    pub workers: u32,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            offered: 0,
            answered: 0,
            cached: 0,
            in_slo: 0,
            refused: 0,
            late: 0,
            origin: 0,
            lost: 0,
            degraded: 0,
            bulk: 0,
            came: 0,
            went: 0,
            batches: 0,
            batched: 0,
            messages: 0,
            bundled: 0,
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are valid"),
            stages: Stages::default(),
            busy: Busy::default(),
            seconds: Vec::new(),
            events: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            log: Vec::new(),
        }
    }
}

impl Outcome {
    pub fn percentile_ms(&self, percentile: f64) -> f64 {
        self.latency.value_at_percentile(percentile) as f64 / 1e3
    }

    pub fn mean_ms(&self) -> f64 {
        self.latency.mean() / 1e3
    }

    pub fn good(&self) -> u64 {
        self.answered + self.cached
    }

    /// Returns the part of the requests that got no good answer.
    pub fn failed_share(&self) -> f64 {
        (self.offered - self.good()) as f64 / self.offered.max(1) as f64
    }

    pub fn mean_batch(&self) -> f64 {
        self.batched as f64 / self.batches.max(1) as f64
    }

    pub fn count(&mut self, ended: Ended) {
        match ended {
            Ended::Answered => self.answered += 1,
            Ended::Cached => self.cached += 1,
            Ended::Refused => self.refused += 1,
            Ended::Late => self.late += 1,
            Ended::Origin => self.origin += 1,
            Ended::Lost => self.lost += 1,
        }
    }

    pub fn mean_bundle(&self) -> f64 {
        self.bundled as f64 / self.messages.max(1) as f64
    }

    /// Mixes something that happened into the digest (FNV-1a).
    pub fn mix(&mut self, value: u64) {
        self.digest = (self.digest ^ value).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// Adds another piece of the same day.
    pub fn add(&mut self, other: &Self) {
        for (mine, more) in [
            (&mut self.offered, other.offered),
            (&mut self.answered, other.answered),
            (&mut self.cached, other.cached),
            (&mut self.in_slo, other.in_slo),
            (&mut self.refused, other.refused),
            (&mut self.late, other.late),
            (&mut self.origin, other.origin),
            (&mut self.lost, other.lost),
            (&mut self.degraded, other.degraded),
            (&mut self.bulk, other.bulk),
            (&mut self.came, other.came),
            (&mut self.went, other.went),
            (&mut self.batches, other.batches),
            (&mut self.batched, other.batched),
            (&mut self.messages, other.messages),
            (&mut self.bundled, other.bundled),
            (&mut self.events, other.events),
        ] {
            *mine += more;
        }
        // Both have the same bounds.
        let _ = self.latency.add(&other.latency);
        self.mix(other.digest);
    }
}
