//! What breaks, and when.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Seconds since the start.
    pub at_s: f64,
    /// How long it lasts, where it ends at all; of a loss: until what was lost is back.
    #[serde(default)]
    pub lasts_s: Option<f64>,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// So many workers die. With a warning, as before a spot machine is reclaimed, they take nothing new from `at_s`, and die
    /// when the warning is over.
    WorkerLoss {
        count: usize,
        #[serde(default)]
        warning_s: f64,
    },
    /// A worker's engine takes so many times as long.
    SlowWorker { worker: usize, times: f64 },
    /// All that is in a zone is gone; the broker's leader with it, if it is zone 0.
    ZoneLoss { zone: usize },
    /// The node that leads the queues restarts: nothing passes, and what was in hand comes back.
    BrokerRestart,
    /// A part of the hosts takes so many times as long.
    SlowOrigins { share: f64, times: f64 },
}
