//! Tagging: a tile is decoded, joins a batch, is scored by a model, and its scores become tags.

mod auxiliary;
pub mod batching;
pub mod decode;
mod engine_threads;
mod forwarding;
mod job;
mod models;
mod pieces;
mod pixels;
pub mod reading;
mod served;
mod spoken;
mod tagger;

pub use auxiliary::COORDINATES;
pub use engine_threads::EngineThreads;
pub use forwarding::Forwarding;
pub use job::{Decoding, PIECES_AT_ONCE, TaggingWorker};
pub use models::Models;
pub use pieces::Pieces;
pub use served::{Canary, LoadedVersion, Next, Sample, Samples, Served, Version};
pub use tagger::Tagger;
