//! The AI worker: consume → decode → batch → infer → tags → caption → store
//! and publish → ack. It sees nothing but tiles that the API server made.

mod announce;
pub mod batch;
mod blocking;
mod called_off;
pub mod caption;
mod captioning;
mod captions;
mod config;
mod consume;
pub mod decode;
pub mod engine;
mod job;
mod metrics;
mod models;
mod outcome;
mod relay;
mod scribe;
pub mod tags;
mod worker;

pub use config::{
    CaptionRoutes, CaptionStart, CaptionerChoice, ConfigError, MaxWait, ReloadConfig, Role,
    WorkerConfig,
};
pub use worker::{WorkerError, run};
