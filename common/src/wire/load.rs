//! How busy a process is, for whoever looks at the fleet.

use serde::{Deserialize, Serialize};

/// What a worker says of the last moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerLoad {
    pub v: u16,
    pub worker: String,
    pub images_per_s: f64,
    /// The mean; 0 where none ran.
    pub images_per_batch: f64,
}

/// What an API server says of the last moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerLoad {
    pub v: u16,
    pub server: String,
    pub in_flight: u32,
    pub max_in_flight: u32,
    pub requests_per_s: f64,
    /// Those of them that were refused, because they would have come too late or were too many.
    pub refused_per_s: f64,
    /// For decoders and workers, milliseconds; nothing where nothing is under way.
    pub predicted_wait_ms: Option<f64>,
    /// Whether it leaves captions to patterns; a server of before never does.
    #[serde(default)]
    pub sheds_captions: bool,
}
