//! A newer version looks at live images, and its answers are compared with
//! those that were given. Nobody waits for it, and what it does harms nobody.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use super::Version;
use crate::{
    blocking::on_thread,
    decode::Picture,
    engine::{Engine, Watchdog},
    job::Tagger,
};

/// An image, and what the present version made of it.
#[derive(Debug)]
pub struct Sample {
    pub picture: Picture,
    pub scores: Vec<f32>,
}

/// Where live images go while a trial is on. Those that come too fast are left out.
pub type Samples = mpsc::SyncSender<Sample>;

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

impl Trial {
    /// `candidate` names its classes in its own way, so names are compared, not numbers.
    /// `None` when `samples` ended before there were enough.
    pub async fn run(
        self,
        candidate: Arc<Tagger>,
        samples: mpsc::Receiver<Sample>,
    ) -> Option<Result<Box<dyn Engine>, Failing>> {
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
            _ = watchdog.watch() => Some(Err(Failing::Hung(watchdog.overdue(Instant::now()).unwrap_or_default()))),
        }
    }

    fn compare(
        mut self,
        candidate: &Tagger,
        samples: &mpsc::Receiver<Sample>,
        watchdog: &Watchdog,
    ) -> Option<Result<Box<dyn Engine>, Failing>> {
        let mut agreed = 0;
        for _ in 0..self.jobs {
            let sample = samples.recv().ok()?;
            watchdog.begins(0, Duration::ZERO, Instant::now());
            let pixels = sample
                .picture
                .pixels()
                .expect("the present version has seen it");
            let scores = self.engine.infer(&[pixels]);
            watchdog.ended(0);
            let scores = match scores {
                Err(error) => return Some(Err(Failing::Error(error.to_string()))),
                Ok(scores) if scores.iter().any(|score| !score.is_finite()) => {
                    return Some(Err(Failing::NoNumber));
                }
                Ok(scores) => scores,
            };
            agreed +=
                usize::from(top(candidate, &scores) == top(&self.present.tagger, &sample.scores));
        }
        let enough = agreed as f64 >= self.min_agreement * self.jobs as f64;
        tracing::info!(
            agreed,
            of = self.jobs,
            "a new version was compared with the present one"
        );
        Some(if enough {
            Ok(self.engine)
        } else {
            Err(Failing::Disagrees {
                agreed,
                of: self.jobs,
            })
        })
    }
}

/// The class that the scores speak for most.
fn top<'a>(tagger: &'a Tagger, scores: &[f32]) -> Option<&'a str> {
    let best = scores
        .iter()
        .enumerate()
        .max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    tagger
        .taxonomy
        .classes
        .get(best.0)
        .map(|class| class.name.as_str())
}
