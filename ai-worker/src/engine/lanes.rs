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
use crate::batch::{Batch, BatchError, Batcher, Item, Scored};

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
    match infer(engine, &batch.items) {
        // One picture may be the cause: each is tried alone, so that only it fails.
        Err(_) if n > 1 => batch.items.into_iter().for_each(|item| {
            let result = infer(engine, std::slice::from_ref(&item));
            answer(vec![item], result);
        }),
        result => answer(batch.items, result),
    }
}

/// All scores, and when the engine worked on them.
struct Inferred {
    scores: Vec<f32>,
    started: Instant,
    finished: Instant,
}

fn infer<E: Engine>(engine: &mut E, items: &[Item]) -> Result<Inferred, EngineError> {
    let started = Instant::now();
    let scores = match items {
        [only] => engine.infer(&only.pixels, 1)?,
        items => {
            let pixels: Vec<&[u8]> = items.iter().map(|item| item.pixels.as_slice()).collect();
            engine.infer(&pixels.concat(), items.len())?
        }
    };
    Ok(Inferred { scores, started, finished: Instant::now() })
}

/// Whoever hung up meanwhile needs no answer.
fn answer(items: Vec<Item>, result: Result<Inferred, EngineError>) {
    match result {
        Ok(Inferred { scores, started, finished }) => {
            let classes = scores.len() / items.len();
            for (item, scores) in items.into_iter().zip(scores.chunks_exact(classes)) {
                let _ = item.reply.send(Ok(Scored { scores: scores.to_vec(), started, finished }));
            }
        }
        Err(error) => items.into_iter().for_each(|item| {
            let _ = item.reply.send(Err(BatchError::Engine(error.clone())));
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::queue::Lane;

    use super::*;

    /// Fake: one class, whose score is the picture's first byte. 255 panics, 254 fails.
    struct FakeEngine;

    impl Engine for FakeEngine {
        fn infer(&mut self, pixels: &[u8], _: usize) -> Result<Vec<f32>, EngineError> {
            assert!(!pixels.contains(&255), "a picture that kills the engine");
            if pixels.contains(&254) {
                return Err(EngineError("a picture that the engine refuses".into()));
            }
            Ok(pixels.iter().map(|pixel| f32::from(*pixel)).collect())
        }
    }

    fn start(max_batch: usize) -> (Arc<Batcher>, Shutdown, Lanes) {
        let batcher = Arc::new(Batcher::new(max_batch, Duration::ZERO, 1, 8));
        let broken = Shutdown::new();
        let lanes = Lanes::start(vec![FakeEngine], batcher.clone(), broken.clone()).expect("a thread starts");
        (batcher, broken, lanes)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(30)
    }

    #[tokio::test]
    async fn a_picture_that_the_engine_refuses_fails_alone() {
        let (batcher, broken, lanes) = start(4);
        let tag = |pixel| batcher.submit(Lane::Realtime, vec![pixel], soon());
        let (one, bad, two) = tokio::join!(tag(1), tag(254), tag(2));
        assert_eq!(one.expect("tagged").scores, [1.0]);
        assert_eq!(two.expect("tagged").scores, [2.0]);
        assert!(matches!(bad, Err(BatchError::Engine(_))));
        assert!(!broken.is_cancelled());
        lanes.stop();
    }

    #[tokio::test]
    async fn a_panic_of_the_engine_ends_the_worker_and_answers_nothing() {
        let (batcher, broken, lanes) = start(1);
        let answer = batcher.submit(Lane::Realtime, vec![255], soon()).await;
        assert!(matches!(answer, Err(BatchError::Stopped)), "{answer:?}");
        broken.cancelled().await;
        lanes.stop();
    }
}
