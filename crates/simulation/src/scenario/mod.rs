//! What is simulated: the fleet, what its stages cost, what is asked of it, and what breaks.

mod checks;
mod curve;
mod fault;

use serde::{Deserialize, Serialize};

pub use curve::Curve;
pub use fault::{Fault, What};

use crate::scaling::Scaling;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    pub seed: u64,
    /// What arrives before this is not counted.
    pub warm_up_s: f64,
    /// An answer that takes no longer is in time.
    pub slo_s: f64,
    pub fleet: Fleet,
    pub costs: Costs,
    pub requests: Requests,
    pub faults: Vec<Fault>,
    /// Who changes the number of workers meanwhile; nobody where absent.
    pub scaling: Option<Scaling>,
}

/// How the edge picks a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    RoundRobin,
    Random,
    #[default]
    LeastConnections,
    /// The less busy one of two that are drawn.
    PowerOfTwo,
}

/// How a job comes to a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// All share one broker, which hands jobs to workers that have credit.
    #[default]
    Pull,
    /// Whoever has a job picks a worker for it, by `assign`.
    Assign,
    /// Each server is one process with a worker of its own, so the edge decides who does the job.
    Push,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    pub design: Design,
    pub balance: Balance,
    pub assign: Balance,
    pub servers: usize,
    pub server_cores: usize,
    /// Processes that decode pictures, for each server.
    pub decoders: usize,
    /// Pictures that may wait for a decoder at one server.
    pub prepare_queue: usize,
    pub workers: usize,
    pub worker_cores: usize,
    pub engines: usize,
    pub max_batch: usize,
    /// Whether batches are padded to 1, 2, 4, … as a GPU's are.
    pub padded: bool,
    /// All processes share so many cores; 0: each server and worker is a machine.
    pub shared_cores: usize,
    /// Whether requests are refused whose wait is foretold to be too long.
    pub admission: bool,
    /// Jobs in a message at the most.
    pub bundle: usize,
    /// Result stores.
    pub buses: usize,
    /// Sentences that the language model writes at one time; 0: patterns write all captions.
    pub captioners: usize,
    pub zones: usize,
    /// Jobs of a batch that a migrator may have at the workers; 0: there is no batch.
    pub bulk_in_hand: usize,
}

/// Seconds of processor time where a name ends in `cpu_s`, else of waiting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Costs {
    /// A request at its API server before the download, and the answer after the result.
    pub server_cpu_s: f64,
    pub answer_cpu_s: f64,
    /// By sizes of pictures; the shares add up to 1.
    pub pictures: Vec<Picture>,
    /// A job at its worker beside the engine: delivered, decoded, handed over.
    pub worker_cpu_s: f64,
    /// A message at the broker, and each job in it.
    pub message_cpu_s: f64,
    pub message_job_cpu_s: f64,
    /// A result at the result store.
    pub bus_cpu_s: f64,
    /// From client to server, or back.
    pub edge_s: f64,
    /// From server to broker, and from broker to worker.
    pub publish_s: f64,
    pub deliver_s: f64,
    /// From worker to server by the result store.
    pub result_s: f64,
    pub engine: Curve,
    /// The standard deviation of the logarithm of what a run takes.
    pub engine_sigma: f64,
    /// What the machine adds to an answer in the mean, at random (exponential).
    pub jitter_s: f64,
    /// One sentence of the language model.
    pub caption_s: f64,
    /// An answer from the cache.
    pub cached_s: f64,
    /// From a worker's death to its jobs being in the queue again.
    pub redelivery_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    pub share: f64,
    pub prepare_cpu_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    pub deadline_s: f64,
    /// The download: median and sigma of a lognormal; 0: the picture comes with its request.
    pub fetch_median_s: f64,
    pub fetch_sigma: f64,
    /// Hosts that pictures come from.
    pub hosts: usize,
    /// Chances to be answered by the cache: by the URL, and by the bytes after the download.
    pub cached_by_url: f64,
    pub cached_by_bytes: f64,
    /// The part that asks for a caption, and of those the part that is remembered.
    pub captions: f64,
    pub captions_cached: f64,
    pub tile_bytes: usize,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            design: Design::default(),
            balance: Balance::default(),
            assign: Balance::default(),
            servers: 2,
            server_cores: 2,
            decoders: 2,
            prepare_queue: 64,
            workers: 2,
            worker_cores: 2,
            engines: 1,
            max_batch: 1,
            padded: false,
            shared_cores: 0,
            admission: true,
            bundle: 8,
            buses: 1,
            captioners: 0,
            zones: 1,
            bulk_in_hand: 0,
        }
    }
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            server_cpu_s: 0.0,
            answer_cpu_s: 0.0,
            pictures: vec![Picture {
                share: 1.0,
                prepare_cpu_s: 0.0,
            }],
            worker_cpu_s: 0.0,
            message_cpu_s: 0.0,
            message_job_cpu_s: 0.0,
            bus_cpu_s: 0.0,
            edge_s: 0.0,
            publish_s: 0.0,
            deliver_s: 0.0,
            result_s: 0.0,
            engine: Curve::linear(0.01, 0.0),
            engine_sigma: 0.0,
            jitter_s: 0.0,
            caption_s: 0.0,
            cached_s: 0.0,
            redelivery_s: 0.005,
        }
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            deadline_s: 2.0,
            fetch_median_s: 0.0,
            fetch_sigma: 0.0,
            hosts: 1,
            cached_by_url: 0.0,
            cached_by_bytes: 0.0,
            captions: 0.0,
            captions_cached: 0.0,
            tile_bytes: 16 << 10,
        }
    }
}
