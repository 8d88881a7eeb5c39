//! What a run found, as it is kept: JSON that other runs can be added to.

mod latency;
mod merge;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

pub use latency::{Latencies, LatencySummary};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What it is called: a scenario, or nothing.
    pub name: String,
    /// Who was asked.
    pub target: String,
    /// The models that answered, and on what: `fake 1 on fake`.
    pub served_by: Vec<String>,
    /// How the offered rate went.
    pub shape: String,
    pub seed: u64,
    /// Seconds that were counted, without the warm-up.
    pub seconds_counted: f64,
    /// Requests that were due, whether they could be sent or not.
    pub sent: u64,
    pub ok: u64,
    /// Good answers in time.
    pub in_slo: u64,
    pub failed: BTreeMap<String, u64>,
    pub offered_per_s: f64,
    pub ok_per_s: f64,
    pub goodput_per_s: f64,
    pub slo: Slo,
    /// Latency of good answers, from when the request was due.
    pub latency: LatencySummary,
    /// Latency of refusals and failures, from when the request was due.
    pub failing: LatencySummary,
    /// How late the generator itself was.
    pub generator_late: LatencySummary,
    pub stages: Vec<StageSummary>,
    /// What came of the batch beside it.
    #[serde(default)]
    pub batch: Option<Batch>,
    pub seconds: Vec<Second>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    pub ms: f64,
    /// 99 asks that so many of a hundred are in time.
    pub percentile: f64,
    /// 0.001: so large a part may fail.
    pub max_failed: f64,
}

/// A batch that was worked off beside the load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub lines: u64,
    /// When the load ended.
    pub completed: u64,
    pub failed: u64,
    /// Images a second that ended one way or the other, while requests were counted.
    pub per_s: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageSummary {
    pub stage: String,
    /// Over all good answers, also those that did not pass the stage: the means add up to the whole.
    pub mean_ms: f64,
    /// Latency of those that passed it.
    pub latency: LatencySummary,
}

/// One second of the run; offered by when requests were due, the rest by when they ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    pub second: u64,
    pub offered: u64,
    pub ok: u64,
    pub in_slo: u64,
    pub failed: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// Later than this part of the objective at its 99th percentile, the generator was itself the limit,
const GENERATOR_LATE_PART: f64 = 0.1;
/// but what a busy machine makes of any process is forgiven.
const GENERATOR_LATE_MS: f64 = 20.0;

impl Outcome {
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn failed_share(&self) -> f64 {
        self.failures() as f64 / self.sent.max(1) as f64
    }

    /// The latency at the objective's percentile.
    fn at_objective_ms(&self) -> f64 {
        self.latency.counted().percentile_ms(self.slo.percentile)
    }

    /// Returns what of the objective was missed; nothing where it was met.
    pub fn missed(&self) -> Vec<String> {
        let slo = &self.slo;
        let at_ms = self.at_objective_ms();
        let mut missed = Vec::new();
        if self.ok == 0 {
            missed.push("no good answer".to_owned());
        } else if at_ms > slo.ms {
            missed.push(format!(
                "p{} is {at_ms:.1} ms, above {} ms",
                slo.percentile, slo.ms
            ));
        }
        if self.failed_share() > slo.max_failed {
            missed.push(format!("{:.2} % failed", self.failed_share() * 100.0));
        }
        if self.generator_late.p99_ms > GENERATOR_LATE_MS.max(slo.ms * GENERATOR_LATE_PART) {
            missed.push(format!(
                "the generator was {:.0} ms late itself",
                self.generator_late.p99_ms
            ));
        }
        missed
    }

    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        write_json(path, self)
    }
}

pub fn write_json(path: &Path, what: &impl Serialize) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(what)?;
    fs::write(path, json + "\n").with_context(|| format!("writing {}", path.display()))
}
