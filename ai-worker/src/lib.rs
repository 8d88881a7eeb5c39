//! The AI worker: consume → decode → batch → infer → tags → caption → store
//! and publish → ack. It sees nothing but tiles that the API server made.

mod announce;
mod blocking;
mod cancelled;
pub mod captioning;
mod config;
mod consume;
pub mod engine;
mod load;
mod metrics;
mod models;
mod outcome;
pub mod tagging;
mod worker;

pub use config::{
    CaptionRoutes, CaptionStart, CaptionerChoice, MaxWait, ReloadConfig, Role, WorkerConfig,
};
pub use worker::{WorkerError, run};
