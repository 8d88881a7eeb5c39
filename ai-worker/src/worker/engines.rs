//! The engine threads of a worker, and how it ends when one of them breaks down.

use std::{num::NonZeroU16, sync::Arc};

use common::{
    queue::{JobQueue, Priority, Queue},
    shutdown::Shutdown,
};
use tokio::task::JoinSet;

use super::WorkerError;
use crate::{
    config::WorkerConfig,
    consume,
    engine::{EngineFailure, FatalSignal, Watchdog},
    tagging::{EngineThreads, PIECES_AT_ONCE, TaggingWorker, batching::Batcher},
};

/// The engine threads, and what tells when one of them is beyond help.
pub struct Engines {
    pub batcher: Arc<Batcher>,
    watchdog: Arc<Watchdog>,
    fatal: FatalSignal,
    threads: EngineThreads,
}

impl Engines {
    pub fn start(config: &WorkerConfig) -> Result<Self, WorkerError> {
        let count = config.engine_threads();
        // Every job in hand finds room: those of the fleet's queues, and those of the models' own. One whose text is read needs most.
        let queues = Priority::ALL.len() * (1 + config.models.len());
        let jobs = queues * usize::from(config.prefetch().get());
        let capacity = jobs * PIECES_AT_ONCE;
        let batcher = Arc::new(Batcher::new(count, capacity));
        let watchdog = Arc::new(Watchdog::new(count, config.engine_timeout()));
        let fatal = FatalSignal::default();
        let threads = EngineThreads::start(count, &batcher, &watchdog, &fatal)?;
        Ok(Self {
            batcher,
            watchdog,
            fatal,
            threads,
        })
    }

    /// Consumes until shutdown, and then until all is drained.
    pub async fn work(
        self,
        worker: TaggingWorker,
        queues: Vec<Queue>,
        prefetch: NonZeroU16,
        shutdown: Shutdown,
    ) -> Result<(), EngineFailure> {
        let drained = async {
            consume_all(worker, queues, prefetch, shutdown).await;
            self.threads.stop().await;
        };
        let breakdown = tokio::select! {
            () = drained => return Ok(()),
            breakdown = self.fatal.wait() => breakdown,
            breakdown = self.watchdog.watch() => breakdown,
        };
        // There is nothing to drain.
        tracing::error!(%breakdown, "the engine is beyond help: the worker ends, and what is un-acked goes to another one");
        Err(breakdown)
    }
}

async fn consume_all(
    worker: TaggingWorker,
    queues: Vec<Queue>,
    prefetch: NonZeroU16,
    shutdown: Shutdown,
) {
    let worker = Arc::new(worker);
    let mut consuming = JoinSet::new();
    for queue in queues {
        let worker = worker.clone();
        let shutdown = shutdown.clone();
        consuming.spawn(async move {
            consume::consume(worker, &queue, JobQueue::Tagging, prefetch, shutdown).await;
        });
    }
    consuming.join_all().await;
}
