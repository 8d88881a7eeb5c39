//! What the stages of one image cost, as `loadtest profile` measures them, and what devices do.

use serde::{Deserialize, Serialize};
use simulation::scenario::Curve;

use super::Figure;

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

    /// Images a second of one worker whose engines never wait.
    pub fn images_per_s(&self) -> f64 {
        self.engines as f64 * self.curve().images_per_s(self.max_batch)
    }
}

impl Profile {
    pub fn device(&self, name: &str) -> Option<&Device> {
        self.devices.iter().find(|device| device.name == name)
    }
}
