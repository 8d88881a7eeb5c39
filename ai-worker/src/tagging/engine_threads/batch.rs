//! One batch on an engine thread: decoded, run, in parts if it has to be, and answered.

use std::time::{Duration, Instant};

use super::EngineThread;
use crate::{
    engine::{Engine, EngineError, EngineFailure},
    load,
    metrics::{BATCH_FILL, BATCH_SIZE, INFER_SECONDS, OUT_OF_MEMORY},
    tagging::batching::{Batch, BatchError, Closed, Fit, Item, QueueId, Scored, Sizes},
};

/// What is the same for all parts of a batch.
#[derive(Clone, Copy)]
struct Origin {
    taken: Instant,
    images: usize,
    closed: Closed,
    queue: QueueId,
    fit: Fit,
    sizes: Sizes,
}

/// All scores, and when the engine worked on them.
struct Inferred {
    scores: Vec<f32>,
    started: Instant,
    finished: Instant,
}

impl EngineThread {
    pub(super) fn run(&self, batch: Batch) -> Result<(), EngineFailure> {
        let images = batch.items.len();
        load::count_batch(images);
        metrics::histogram!(BATCH_SIZE, "closed" => batch.closed.name()).record(images as f64);
        metrics::histogram!(BATCH_FILL).record(batch.fill);
        let origin = Origin {
            taken: Instant::now(),
            images,
            closed: batch.closed,
            queue: batch.queue,
            fit: batch.fit,
            sizes: batch.sizes,
        };
        let items = decoded(batch.items);
        if items.is_empty() {
            return Ok(());
        }
        let mut engine = batch
            .engines
            .take()
            .expect("a version has an engine for every engine thread");
        let done = self.attempt(engine.as_mut(), origin, items);
        batch.engines.put_back(engine);
        done
    }

    /// Gives every image an answer, unless the engine is beyond help: then their jobs go to another worker.
    fn attempt(
        &self,
        engine: &mut dyn Engine,
        origin: Origin,
        mut items: Vec<Item>,
    ) -> Result<(), EngineFailure> {
        match self.infer(engine, origin, &items) {
            Err(EngineError::Device(cause)) => Err(EngineFailure::Device(cause)),
            Err(EngineError::OutOfMemory(cause)) if items.len() == 1 => {
                Err(EngineFailure::OutOfMemory(cause))
            }
            Err(EngineError::OutOfMemory(cause)) => {
                self.lower_limit(origin, items.len(), &cause);
                let half = items.split_off(items.len() / 2);
                self.attempt(engine, origin, items)?;
                self.attempt(engine, origin, half)
            }
            // One picture may be the cause: each is tried alone, so that only it fails.
            Err(EngineError::Failed(_)) if items.len() > 1 => items
                .into_iter()
                .try_for_each(|item| self.attempt(engine, origin, vec![item])),
            Err(error @ EngineError::Failed(_)) => {
                refuse(items, &error);
                Ok(())
            }
            Ok(inferred) => {
                answer(items, origin, &inferred);
                Ok(())
            }
        }
    }

    fn infer(
        &self,
        engine: &mut dyn Engine,
        origin: Origin,
        items: &[Item],
    ) -> Result<Inferred, EngineError> {
        let images: Vec<&[u8]> = items
            .iter()
            .filter_map(|item| item.picture.pixels().ok())
            .collect();
        let expected = origin.fit.run(origin.sizes, images.len());
        let started = Instant::now();
        self.watchdog.begins(self.number, expected, started);
        let scores = engine.infer(&images);
        self.watchdog.ended(self.number);
        let finished = Instant::now();
        let scores = scores?;
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(EngineError::Failed(
                "the model answered something that is no number".into(),
            ));
        }
        self.learn(origin, images.len(), finished - started);
        Ok(Inferred {
            scores,
            started,
            finished,
        })
    }

    fn learn(&self, origin: Origin, n: usize, took: Duration) {
        let size = origin.sizes.run(n).next_power_of_two().to_string();
        metrics::histogram!(INFER_SECONDS, "n" => size).record(took);
        if let Some(limit) = self.batcher.ran(origin.queue, n, took.as_secs_f64()) {
            tracing::info!(limit, "batches may be larger again");
        }
    }

    fn lower_limit(&self, origin: Origin, n: usize, cause: &str) {
        metrics::counter!(OUT_OF_MEMORY).increment(1);
        let limit = self.batcher.too_many(origin.queue, n);
        tracing::error!(
            n,
            limit,
            cause,
            "out of memory: the batch is halved, and later ones stay smaller"
        );
    }
}

/// Decodes the tiles. Those that are not whole are answered and left out.
fn decoded(items: Vec<Item>) -> Vec<Item> {
    let mut whole = Vec::with_capacity(items.len());
    for item in items {
        match item.picture.pixels().err().map(ToString::to_string) {
            None => whole.push(item),
            Some(broken) => reply(item, Err(BatchError::Tile(broken))),
        }
    }
    whole
}

fn answer(items: Vec<Item>, origin: Origin, inferred: &Inferred) {
    let classes = inferred.scores.len() / items.len();
    for (item, scores) in items.into_iter().zip(inferred.scores.chunks_exact(classes)) {
        let scored = Scored {
            scores: scores.to_vec(),
            taken: origin.taken,
            started: inferred.started,
            finished: inferred.finished,
            images: origin.images,
            closed: origin.closed,
        };
        reply(item, Ok(scored));
    }
}

fn refuse(items: Vec<Item>, error: &EngineError) {
    for item in items {
        reply(item, Err(BatchError::Engine(error.clone())));
    }
}

/// Answers one image. Whoever hung up meanwhile needs no answer.
fn reply(item: Item, scored: Result<Scored, BatchError>) {
    let _ = item.reply.send(scored);
}
