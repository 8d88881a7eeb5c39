//! OS threads that run whatever batch is next, of any model: as many as the
//! device can make use of, however many models there are. One that is beyond
//! help sets the fatal signal, which ends the worker.

mod batch;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use tokio::sync::oneshot;

use super::batching::Batcher;
use crate::{
    engine::{EngineFailure, FatalSignal, Watchdog, excuse_this_thread},
    metrics::ENGINE_IDLE_SECONDS,
};

#[derive(Debug)]
pub struct EngineThreads {
    /// Each ends with its thread.
    running: Vec<oneshot::Receiver<()>>,
    batcher: Arc<Batcher>,
}

impl EngineThreads {
    pub fn start(
        count: usize,
        batcher: &Arc<Batcher>,
        watchdog: &Arc<Watchdog>,
        fatal: &FatalSignal,
    ) -> io::Result<Self> {
        let mut running = Vec::with_capacity(count);
        for number in 0..count {
            let thread = EngineThread {
                number,
                batcher: batcher.clone(),
                watchdog: watchdog.clone(),
            };
            running.push(thread.start(fatal.clone())?);
        }
        Ok(Self {
            running,
            batcher: batcher.clone(),
        })
    }

    /// Ends the threads once nothing waits. They are not joined: a thread that
    /// hangs must not keep the process from ending.
    pub async fn stop(self) {
        self.batcher.stop();
        for thread in self.running {
            let _ = thread.await;
        }
    }
}

struct EngineThread {
    number: usize,
    batcher: Arc<Batcher>,
    watchdog: Arc<Watchdog>,
}

impl EngineThread {
    /// Returns what ends with the thread.
    fn start(self, fatal: FatalSignal) -> io::Result<oneshot::Receiver<()>> {
        let (running, ended) = oneshot::channel::<()>();
        let name = format!("engine-{}", self.number);
        thread::Builder::new().name(name).spawn(move || {
            let _running = running;
            self.live(&fatal);
        })?;
        Ok(ended)
    }

    fn live(&self, fatal: &FatalSignal) {
        excuse_this_thread(self.watchdog.clone(), self.number);
        match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => {}
            Ok(Err(breakdown)) => fatal.set(breakdown),
            Err(_) => fatal.set(EngineFailure::Panicked),
        }
    }

    fn work(&self) -> Result<(), EngineFailure> {
        let mut idle_since = Instant::now();
        while let Some(batch) = self.batcher.next(self.number) {
            metrics::histogram!(ENGINE_IDLE_SECONDS).record(idle_since.elapsed());
            self.run(batch)?;
            idle_since = Instant::now();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
