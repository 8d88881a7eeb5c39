//! The dynamic batcher: images wait here for the model, a line for each
//! version of each model and two lanes of urgency in each line. What is
//! decided is decided without a clock (`desk.rs`); `batcher.rs` hands in the
//! time and blocks the engines' threads.

mod arrivals;
mod batcher;
mod closing;
mod cost;
mod desk;
mod limit;
mod line;
mod sizes;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use batcher::Batcher;
pub use closing::Closed;
pub use cost::Fit;
pub use desk::LineId;
pub use sizes::Sizes;
use tokio::sync::oneshot;

use crate::{
    decode::Picture,
    engine::{EngineError, Engines},
};

/// One image's scores, and when an engine's thread worked on it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// `[classes] f32`
    pub scores: Vec<f32>,
    /// When its batch was formed; what was not decoded by then, is next.
    pub taken: Instant,
    /// When the model began.
    pub started: Instant,
    pub finished: Instant,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum BatchError {
    #[error("no time was left when the batch was formed")]
    Expired,
    #[error("too many images wait for the model")]
    Full,
    #[error("this version of the model takes no more images")]
    Retired,
    #[error("the worker is stopping")]
    Stopped,
    #[error("{0}")]
    Tile(String),
    #[error(transparent)]
    Engine(EngineError),
}

/// One image that waits.
#[derive(Debug)]
pub struct Item {
    pub picture: Picture,
    pub reply: oneshot::Sender<Result<Scored, BatchError>>,
}

/// What an engine gets.
#[derive(Debug)]
pub struct Batch {
    pub line: LineId,
    pub items: Vec<Item>,
    pub closed: Closed,
    /// Its share of the largest batch, 0 to 1.
    pub fill: f64,
    pub fit: Fit,
    pub sizes: Sizes,
    pub engines: Arc<Engines>,
}

/// How the batches of one line are formed.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub sizes: Sizes,
    /// No image waits longer for others; `None` leaves it to the fitted cost.
    pub max_wait: Option<Duration>,
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
