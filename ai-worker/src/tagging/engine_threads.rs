//! OS threads that run whatever batch is next, of any model: as many as the
//! device can make use of, however many models there are. One that is beyond
//! help rings the alarm, which ends the worker.

use crate::metrics::{BATCH_FILL, BATCH_SIZE, ENGINE_IDLE_SECONDS, INFER_SECONDS, OUT_OF_MEMORY};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{Alarm, Breakdown, Engine, EngineError, Watchdog, panicking::excuse_this_thread};
use crate::batch::{Batch, BatchError, Batcher, Fit, Item, LineId, Scored, Sizes};

#[derive(Debug)]
pub struct Lanes {
    /// Each ends with its thread.
    threads: Vec<oneshot::Receiver<()>>,
    batcher: Arc<Batcher>,
}

impl Lanes {
    pub fn start(
        threads: usize,
        batcher: &Arc<Batcher>,
        watchdog: &Arc<Watchdog>,
        alarm: &Alarm,
    ) -> std::io::Result<Self> {
        let spawn = |number: usize| {
            let lane = Lane {
                number,
                batcher: batcher.clone(),
                watchdog: watchdog.clone(),
            };
            let (alarm, (running, ended)) = (alarm.clone(), oneshot::channel());
            let body = move || {
                lane.work(&alarm);
                drop(running);
            };
            thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(body)
                .map(|_| ended)
        };
        let threads = (0..threads).map(spawn).collect::<Result<_, _>>()?;
        Ok(Self {
            threads,
            batcher: batcher.clone(),
        })
    }

    /// Ends the threads once nothing waits. They are not joined: a thread that
    /// hangs must not keep the process from ending.
    pub async fn stop(self) {
        self.batcher.stop();
        for thread in self.threads {
            let _ = thread.await;
        }
    }
}

/// One thread.
struct Lane {
    number: usize,
    batcher: Arc<Batcher>,
    watchdog: Arc<Watchdog>,
}

/// What is the same for all parts of a batch.
#[derive(Clone, Copy)]
struct Origin {
    taken: Instant,
    line: LineId,
    fit: Fit,
    sizes: Sizes,
}

/// All scores, and when the engine worked on them.
struct Inferred {
    scores: Vec<f32>,
    started: Instant,
    finished: Instant,
}

impl Lane {
    fn work(&self, alarm: &Alarm) {
        excuse_this_thread(self.watchdog.clone(), self.number);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut idle_since = Instant::now();
            while let Some(batch) = self.batcher.next(self.number) {
                metrics::histogram!(ENGINE_IDLE_SECONDS).record(idle_since.elapsed());
                self.run(batch)?;
                idle_since = Instant::now();
            }
            Ok(())
        }));
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(breakdown)) => alarm.ring(breakdown),
            Err(_) => alarm.ring(Breakdown::Panicked),
        }
    }

    fn run(&self, batch: Batch) -> Result<(), Breakdown> {
        let Batch {
            line,
            items,
            closed,
            fill,
            fit,
            sizes,
            engines,
        } = batch;
        metrics::histogram!(BATCH_SIZE, "closed" => closed.name()).record(items.len() as f64);
        metrics::histogram!(BATCH_FILL).record(fill);
        let origin = Origin {
            taken: Instant::now(),
            line,
            fit,
            sizes,
        };
        let items = decoded(items);
        if items.is_empty() {
            return Ok(());
        }
        let mut engine = engines
            .take()
            .expect("a version has an engine for every lane");
        let done = self.attempt(engine.as_mut(), origin, items);
        engines.put_back(engine);
        done
    }

    /// Every image gets an answer, unless the engine is beyond help: then their jobs go to another worker.
    fn attempt(
        &self,
        engine: &mut dyn Engine,
        origin: Origin,
        mut items: Vec<Item>,
    ) -> Result<(), Breakdown> {
        match self.infer(engine, origin, &items) {
            Err(EngineError::Device(cause)) => Err(Breakdown::Device(cause)),
            Err(EngineError::OutOfMemory(cause)) if items.len() == 1 => {
                Err(Breakdown::OutOfMemory(cause))
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
            result => {
                answer(items, origin.taken, result);
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
        let started = Instant::now();
        self.watchdog.begins(
            self.number,
            origin.fit.run(origin.sizes, images.len()),
            started,
        );
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
        if let Some(limit) = self.batcher.ran(origin.line, n, took.as_secs_f64()) {
            tracing::info!(limit, "batches may be larger again");
        }
    }

    fn lower_limit(&self, origin: Origin, n: usize, cause: &str) {
        metrics::counter!(OUT_OF_MEMORY).increment(1);
        let limit = self.batcher.too_many(origin.line, n);
        tracing::error!(
            n,
            limit,
            cause,
            "out of memory: the batch is halved, and later ones stay smaller"
        );
    }
}

/// Those whose tile is whole, decoded; the others are answered.
fn decoded(items: Vec<Item>) -> Vec<Item> {
    let whole = |item: Item| {
        let Some(broken) = item.picture.pixels().err().map(ToString::to_string) else {
            return Some(item);
        };
        let _ = item.reply.send(Err(BatchError::Tile(broken)));
        None
    };
    items.into_iter().filter_map(whole).collect()
}

/// Whoever hung up meanwhile needs no answer.
fn answer(items: Vec<Item>, taken: Instant, result: Result<Inferred, EngineError>) {
    match result {
        Ok(Inferred {
            scores,
            started,
            finished,
        }) => {
            let classes = scores.len() / items.len();
            for (item, scores) in items.into_iter().zip(scores.chunks_exact(classes)) {
                let _ = item.reply.send(Ok(Scored {
                    scores: scores.to_vec(),
                    taken,
                    started,
                    finished,
                }));
            }
        }
        Err(error) => items.into_iter().for_each(|item| {
            let _ = item.reply.send(Err(BatchError::Engine(error.clone())));
        }),
    }
}

#[cfg(test)]
mod tests;
