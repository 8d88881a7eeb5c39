//! The dynamic batcher: images wait here for the model, in a queue for each
//! version of each model, and in each queue by priority. What is decided is
//! decided without a clock (the crate `batching`); `batcher.rs` hands in the
//! time and blocks the engine threads.

mod batcher;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Instant};

pub use batcher::Batcher;
pub use batching::{Closed, Fit, QueueId, Rules, Sizes};
use tokio::sync::oneshot;

use super::decode::Picture;
use crate::engine::{EngineError, Engines};

/// One image's scores, and when an engine thread worked on it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// `[classes] f32`
    pub scores: Vec<f32>,
    /// When its batch was formed; what was not decoded by then, is next.
    pub taken: Instant,
    /// When the model began.
    pub started: Instant,
    pub finished: Instant,
    /// How many images were in its batch, and why that closed.
    pub images: usize,
    pub closed: Closed,
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
    pub queue: QueueId,
    pub items: Vec<Item>,
    pub closed: Closed,
    /// Its share of the largest batch, 0 to 1.
    pub fill: f64,
    pub fit: Fit,
    pub sizes: Sizes,
    pub engines: Arc<Engines>,
}
