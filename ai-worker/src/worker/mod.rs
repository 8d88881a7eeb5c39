//! The worker's composition: what it serves is loaded and warm, then probes,
//! announcements and the consumer run until shutdown has drained it.

mod background;
mod captioner;
mod captioning;
mod engines;
mod load;
mod tagging;

use common::{
    BoxFuture,
    bus::{Bus, BusError},
    config::ConfigError,
    model::ModelError,
    queue::{Queue, QueueError},
    shutdown::Shutdown,
    telemetry,
};
use tokio::net::TcpListener;

use crate::{
    captioning::CaptionError,
    config::{WorkerConfig, WorkerMode},
    engine::{EngineFailure, LoadError},
    metrics,
    models::VersionError,
};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Runtime(#[from] LoadError),
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error(transparent)]
    Caption(#[from] CaptionError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the queues of the worker's models cannot be opened: {0}")]
    Queue(#[from] QueueError),
    #[error("the worker's threads or sockets failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("two of the models are called {0}, so that no request could pick between them")]
    SameName(String),
    #[error("loading the models panicked")]
    Loading,
    #[error("the engine broke down: {0}")]
    Engine(#[from] EngineFailure),
}

/// What a worker is connected to, and what ends it.
struct Links {
    queue: Queue,
    bus: Bus,
    /// Serves the probes of a worker process; inside another service there is none.
    listener: Option<TcpListener>,
    shutdown: Shutdown,
}

/// Works until `shutdown`, then finishes what it holds. `listener` serves the
/// probes of a worker process; inside another service there is none.
pub fn run(
    config: WorkerConfig,
    queue: Queue,
    bus: Bus,
    listener: Option<TcpListener>,
    shutdown: Shutdown,
) -> BoxFuture<'static, Result<(), WorkerError>> {
    Box::pin(async move {
        telemetry::metrics();
        metrics::describe();
        config.validate()?;
        let links = Links {
            queue,
            bus,
            listener,
            shutdown,
        };
        match config.mode() {
            WorkerMode::Captions => captioning::run(config, links).await,
            WorkerMode::Both | WorkerMode::Tags => tagging::run(config, links).await,
        }
    })
}
