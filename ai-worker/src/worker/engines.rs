//! The engine threads of a worker, and how it ends when one of them breaks down.

use std::sync::Arc;

use common::queue::{JobQueue, Priority};

use super::{Links, WorkerError};
use crate::{
    config::WorkerConfig,
    consume,
    engine::{Alarm, Breakdown, Watchdog},
    tagging::{EngineThreads, TaggingWorker, batching::Batcher},
};

/// The engine threads, and what tells when one of them is beyond help.
pub struct Engines {
    pub batcher: Arc<Batcher>,
    watchdog: Arc<Watchdog>,
    alarm: Alarm,
    threads: EngineThreads,
}

impl Engines {
    pub fn start(config: &WorkerConfig) -> Result<Self, WorkerError> {
        let count = config.engine_threads();
        // Every job in hand finds room.
        let capacity = Priority::ALL.len() * usize::from(config.prefetch());
        let batcher = Arc::new(Batcher::new(count, capacity));
        let watchdog = Arc::new(Watchdog::new(count, config.engine_timeout()));
        let alarm = Alarm::default();
        let threads = EngineThreads::start(count, &batcher, &watchdog, &alarm)?;
        Ok(Self {
            batcher,
            watchdog,
            alarm,
            threads,
        })
    }

    /// Consumes until shutdown, and then until all is drained.
    pub async fn work(
        self,
        worker: TaggingWorker,
        links: Links,
        prefetch: u16,
    ) -> Result<(), Breakdown> {
        let drained = async {
            let worker = Arc::new(worker);
            consume::consume(
                worker,
                &links.queue,
                JobQueue::Tagging,
                prefetch,
                links.shutdown,
            )
            .await;
            self.threads.stop().await;
        };
        let breakdown = tokio::select! {
            () = drained => return Ok(()),
            breakdown = self.alarm.rung() => breakdown,
            breakdown = self.watchdog.watch() => breakdown,
        };
        // There is nothing to drain.
        tracing::error!(%breakdown, "the engine is beyond help: the worker ends, and what is un-acked goes to another one");
        Err(breakdown)
    }
}
