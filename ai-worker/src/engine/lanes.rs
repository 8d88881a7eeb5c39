//! One OS thread for each engine. It takes batches until the batcher ends;
//! a panic in it ends the whole worker, whose jobs then go to another one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use common::{shutdown::Shutdown, telemetry};

use super::{Engine, EngineError};
use crate::batch::{Batch, BatchError, Batcher, Scored};

#[derive(Debug)]
pub struct Lanes {
    threads: Vec<JoinHandle<()>>,
    batcher: Arc<Batcher>,
}

impl Lanes {
    /// `broken` is set off when an engine panics.
    pub fn start<E: Engine>(engines: Vec<E>, batcher: Arc<Batcher>, broken: Shutdown) -> std::io::Result<Self> {
        let spawn = |(lane, engine): (usize, E)| {
            let (batcher, broken) = (batcher.clone(), broken.clone());
            let body = move || work(engine, &batcher, &broken);
            thread::Builder::new().name(format!("engine-{lane}")).spawn(body)
        };
        let threads = engines.into_iter().enumerate().map(spawn).collect::<Result<_, _>>()?;
        Ok(Self { threads, batcher })
    }

    /// Ends the threads once nothing waits.
    pub fn stop(self) {
        self.batcher.stop();
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

fn work<E: Engine>(mut engine: E, batcher: &Batcher, broken: &Shutdown) {
    let end = catch_unwind(AssertUnwindSafe(|| {
        while let Some(batch) = batcher.next() {
            run(&mut engine, batch);
        }
    }));
    if end.is_err() {
        tracing::error!("the engine panicked; the worker ends and its jobs go to another one");
        broken.cancel();
    }
}

fn run<E: Engine>(engine: &mut E, batch: Batch) {
    let n = batch.items.len();
    metrics::histogram!(telemetry::BATCH_SIZE, "closed" => batch.closed.name()).record(n as f64);
    let started = Instant::now();
    let result = match batch.items.as_slice() {
        [only] => engine.infer(&only.pixels, 1),
        items => engine.infer(&items.iter().flat_map(|item| item.pixels.iter().copied()).collect::<Vec<_>>(), n),
    };
    answer(batch, result, started, Instant::now());
}

fn answer(batch: Batch, result: Result<Vec<f32>, EngineError>, started: Instant, finished: Instant) {
    let n = batch.items.len();
    match result {
        Ok(scores) => {
            let classes = scores.len() / n;
            for (item, scores) in batch.items.into_iter().zip(scores.chunks_exact(classes)) {
                // Whoever hung up meanwhile needs no scores.
                let _ = item.reply.send(Ok(Scored { scores: scores.to_vec(), started, finished }));
            }
        }
        Err(error) => batch.items.into_iter().for_each(|item| {
            let _ = item.reply.send(Err(BatchError::Engine(error.clone())));
        }),
    }
}
