//! A newer version looks at live images, and its answers are compared with
//! those that were given. Nobody waits for it, and what it does harms nobody.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use common::model::ModelKind;

use crate::{
    blocking::on_thread,
    engine::{Engine, Watchdog},
    tagging::reading::decode,
    tagging::{Sample, Tagger, Version},
};

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Failing {
    #[error("it failed on an image: {0}")]
    Error(String),
    #[error("its scores for an image are no numbers")]
    NoNumber,
    #[error("it names the same as the present version for {agreed} of {of} images")]
    Disagrees { agreed: usize, of: usize },
    #[error("an image has been running for {0:?}")]
    Hung(Duration),
}

/// Compares until `jobs` images were seen, and gives the engine back.
pub struct Trial {
    pub engine: Box<dyn Engine>,
    pub present: Arc<Version>,
    pub jobs: usize,
    pub min_agreement: f64,
    /// How long one image may take.
    pub patience: Duration,
}

/// The engine again, or why it is refused. Nothing where the samples ended before there were enough.
type Verdict = Option<Result<Box<dyn Engine>, Failing>>;

impl Trial {
    /// Compares the versions by the names that they give: `candidate` may number its classes in its own way.
    pub async fn run(self, candidate: Arc<Tagger>, samples: mpsc::Receiver<Sample>) -> Verdict {
        let watchdog = Arc::new(Watchdog::new(1, self.patience));
        let watched = watchdog.clone();
        let comparing = on_thread("model-trial", move || {
            let compared = catch_unwind(AssertUnwindSafe(|| {
                self.compare(&candidate, &samples, &watched)
            }));
            compared.unwrap_or_else(|_| Some(Err(Failing::Error("it panicked".into()))))
        });
        tokio::select! {
            compared = comparing => compared.flatten(),
            _ = watchdog.watch() => {
                let took = watchdog.overdue(Instant::now()).unwrap_or_default();
                Some(Err(Failing::Hung(took)))
            }
        }
    }

    fn compare(
        mut self,
        candidate: &Tagger,
        samples: &mpsc::Receiver<Sample>,
        watchdog: &Watchdog,
    ) -> Verdict {
        let mut agreed = 0;
        for _ in 0..self.jobs {
            let sample = samples.recv().ok()?;
            let scores = match self.scores(&sample, watchdog) {
                Ok(scores) => scores,
                Err(failing) => return Some(Err(failing)),
            };
            let present = gist(&self.present.tagger, &sample.scores);
            if gist(candidate, &scores) == present {
                agreed += 1;
            }
        }
        Some(self.judge(agreed))
    }

    fn scores(&mut self, sample: &Sample, watchdog: &Watchdog) -> Result<Vec<f32>, Failing> {
        watchdog.begins(0, Duration::ZERO, Instant::now());
        let pixels = sample
            .picture
            .pixels()
            .expect("the present version has seen it");
        let scores = self.engine.infer(&[pixels]);
        watchdog.ended(0);
        let scores = scores.map_err(|error| Failing::Error(error.to_string()))?;
        if scores.iter().all(|score| score.is_finite()) {
            Ok(scores)
        } else {
            Err(Failing::NoNumber)
        }
    }

    fn judge(self, agreed: usize) -> Result<Box<dyn Engine>, Failing> {
        let of = self.jobs;
        tracing::info!(
            agreed,
            of,
            "a new version was compared with the present one"
        );
        if agreed as f64 >= self.min_agreement * of as f64 {
            Ok(self.engine)
        } else {
            Err(Failing::Disagrees { agreed, of })
        }
    }
}

/// Returns what the scores come to: a reader's text, the things of which a detector is sure enough to tell them, or the class
/// that the scores speak for most. Two maps of lines always agree.
fn gist(tagger: &Tagger, scores: &[f32]) -> Option<String> {
    match tagger.model.kind {
        ModelKind::Text => {
            let symbols = decode(scores).into_iter();
            Some(symbols.map(|symbol| tagger.symbol(symbol.number)).collect())
        }
        ModelKind::Detector => Some(tagger.things(scores).join(",")),
        _ => top(tagger, scores).map(str::to_owned),
    }
}

/// Returns the class that the scores speak for most.
fn top<'a>(tagger: &'a Tagger, scores: &[f32]) -> Option<&'a str> {
    let (best, _) = tagger
        .own(scores)
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let class = tagger.rules.taxonomy.classes.get(best)?;
    Some(&class.name)
}
