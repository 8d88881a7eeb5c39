//! What the stages of one image cost, as `loadtest profile` measures them, and what devices do.

use common::config::{Numbers, OutOfRange, SHARE, Whole};
use serde::{Deserialize, Serialize};
use simulation::scenario::Curve;

use super::Figure;

/// Times, by whichever unit a key ends in.
const COST: Numbers = Numbers::new(0.0, 1e7);
const BYTES: Numbers = Numbers::new(0.0, 1e10);
/// Who writes no sentence at all would need no end of cores.
const SENTENCES: Numbers = Numbers::new(1e-6, 1e6);
const ENGINES: Whole = Whole::new(1, 1_024);
const BATCH: Whole = Whole::new(1, 4_096);
const POINTS: Whole = Whole::new(1, 1_000);
const TIMES: Numbers = Numbers::new(1e-6, 1e6);
/// A run takes time, however few images are in it.
const RUN_MS: Numbers = Numbers::new(1e-6, 1e7);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The machine, its date, and the command that measured it.
    pub machine: String,
    pub date: String,
    pub command: String,
    /// Processor milliseconds of an API server for a request, its decoders aside.
    pub server_cpu_ms: Figure,
    /// Processor milliseconds of a worker for a job, its engine aside.
    pub worker_cpu_ms: Figure,
    /// Processor microseconds of the broker: for a message, and for each job in it.
    pub broker_message_us: Figure,
    pub broker_job_us: Figure,
    /// The part of both that is the queue's own process, of which there is one, whatever the number of nodes.
    pub queue_part: Figure,
    /// Processor microseconds of the result store for a job.
    pub bus_job_us: Figure,
    /// Milliseconds that nobody's processor works: to the server and back, and through broker and result store.
    pub edge_ms: Figure,
    pub broker_ms: Figure,
    pub jitter_ms: Figure,
    pub tile_bytes: Figure,
    pub result_bytes: Figure,
    /// Sentences a second of the language model on one core.
    pub captions_per_core_s: Figure,
    #[serde(rename = "picture")]
    pub pictures: Vec<Picture>,
    #[serde(rename = "device")]
    pub devices: Vec<Device>,
}

/// One size of pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    pub name: String,
    pub bytes: Figure,
    /// Processor milliseconds from file to tile, and how long that takes.
    pub prepare_cpu_ms: Figure,
    pub prepare_ms: Figure,
}

/// What runs the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub name: String,
    /// Engine threads of one worker, and whether batches are padded.
    pub engines: usize,
    pub max_batch: usize,
    pub padded: bool,
    /// Images in a run, and milliseconds that it takes while all engines run.
    pub points: Vec<(f64, f64)>,
    /// How many times a run takes of what the points say.
    pub times: Figure,
}

impl Device {
    /// Seconds of a run by its images.
    pub fn curve(&self) -> Curve {
        let seconds = |(n, ms): &(f64, f64)| (*n, ms / 1e3 * self.times.value);
        Curve::new(self.points.iter().map(seconds).collect())
    }

    /// Refuses an engine that nothing can be computed of.
    fn validate(&self) -> Result<(), OutOfRange> {
        let key = |what: &str| format!("device {}, {what}", self.name);
        ENGINES.check(&key("engines"), self.engines)?;
        BATCH.check(&key("max_batch"), self.max_batch)?;
        self.times.check(&key("times"), TIMES)?;
        POINTS.check(&key("the number of points"), self.points.len())?;
        let mut before = 0.0;
        for (images, ms) in &self.points {
            // Two points of one size would leave nothing to go along.
            let after = Numbers::new(before, 1e6);
            after.check(&key("the images of a point, in order"), *images)?;
            RUN_MS.check(&key("the milliseconds of a point"), *ms)?;
            before = images + 1e-6;
        }
        // Behind the last point the curve goes on as between the last two, and may fall.
        let curve = self.curve();
        for images in 1..=self.max_batch {
            let ms = curve.seconds(images) * 1e3;
            RUN_MS.check(&key(&format!("the milliseconds of {images} images")), ms)?;
        }
        Ok(())
    }

    /// Images a second of one worker whose engines never wait.
    pub fn images_per_s(&self) -> f64 {
        self.engines as f64 * self.curve().images_per_s(self.max_batch)
    }
}

impl Profile {
    /// Refuses what no stage costs and no device does.
    pub fn validate(&self) -> Result<(), OutOfRange> {
        for (key, figure, allowed) in [
            ("server_cpu_ms", &self.server_cpu_ms, COST),
            ("worker_cpu_ms", &self.worker_cpu_ms, COST),
            ("broker_message_us", &self.broker_message_us, COST),
            ("broker_job_us", &self.broker_job_us, COST),
            ("queue_part", &self.queue_part, SHARE),
            ("bus_job_us", &self.bus_job_us, COST),
            ("edge_ms", &self.edge_ms, COST),
            ("broker_ms", &self.broker_ms, COST),
            ("jitter_ms", &self.jitter_ms, COST),
            ("tile_bytes", &self.tile_bytes, BYTES),
            ("result_bytes", &self.result_bytes, BYTES),
            ("captions_per_core_s", &self.captions_per_core_s, SENTENCES),
        ] {
            figure.check(key, allowed)?;
        }
        for picture in &self.pictures {
            let key = |what: &str| format!("picture {}, {what}", picture.name);
            picture.bytes.check(&key("bytes"), BYTES)?;
            picture.prepare_cpu_ms.check(&key("prepare_cpu_ms"), COST)?;
            picture.prepare_ms.check(&key("prepare_ms"), COST)?;
        }
        self.devices.iter().try_for_each(Device::validate)
    }

    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = include_str!("../../profiles/epyc-2-cores.toml");

    /// Returns why a profile is refused in which `from` is replaced by `to`.
    fn refused(from: &str, to: &str) -> Option<String> {
        assert!(PROFILE.contains(from), "{from}");
        let profile: Profile = toml::from_str(&PROFILE.replacen(from, to, 1)).expect(to);
        profile.validate().err().map(|error| error.to_string())
    }

    #[test]
    fn what_no_stage_costs_is_refused_by_its_key() {
        assert_eq!(refused("AMD EPYC", "AMD Epyc"), None);
        for (from, to, why) in [
            ("value = 1.326", "value = -1.0", "server_cpu_ms: -1 is not"),
            (
                "value = 0.5,",
                "value = 1.5,",
                "queue_part: 1.5 is not a number from 0 to 1",
            ),
            (
                "value = 4.4,",
                "value = 0.0,",
                "captions_per_core_s: 0 is not",
            ),
            (
                "value = 4.34",
                "value = nan",
                "picture 1024x768, prepare_cpu_ms: NaN is not",
            ),
            (
                "engines = 3",
                "engines = 0",
                "device h200, engines: 0 is not",
            ),
            (
                "max_batch = 32",
                "max_batch = 0",
                "device h200, max_batch: 0 is not",
            ),
            (
                "[2.0, 1.4]",
                "[1.0, 1.4]",
                "device h200, the images of a point",
            ),
            (
                "[2.0, 1.4]",
                "[2.0, 0.0]",
                "device h200, the milliseconds of a point",
            ),
            (
                "[32.0, 5.2]",
                "[17.0, 0.1]",
                "device h200, the milliseconds of 18 images",
            ),
        ] {
            let said = refused(from, to).expect(to);
            assert!(said.starts_with(why), "{said}");
        }
    }
}
