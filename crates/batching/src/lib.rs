//! When a batch of images closes, and which queue an idle engine serves next. All of it is a state machine over
//! handed-in time ([`Scheduler`]): a worker drives it with its clock, and the simulator with a virtual one.

mod arrivals;
mod closing;
mod cost;
mod fit;
mod limit;
mod queue;
mod scheduler;
#[cfg(test)]
mod simulation;
mod sizes;
mod sums;

use std::time::Duration;

pub use closing::Closed;
pub use cost::Cost;
pub use fit::Fit;
pub use scheduler::{Formed, QueueId, Refused, Scheduler, Step};
pub use sizes::Sizes;

/// How the batches of one queue are formed.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub sizes: Sizes,
    /// No image waits longer for others; `None` leaves it to the fitted cost.
    pub max_wait: Option<Duration>,
}
