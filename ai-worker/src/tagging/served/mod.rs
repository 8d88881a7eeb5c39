//! A model as jobs see it: they ask for scores, and learn which version gave them.

mod canary;

use std::{
    sync::{Arc, PoisonError, RwLock, mpsc},
    time::Instant,
};

pub use canary::Canary;
use common::{model::TileSpec, queue::Priority};

use super::{
    batching::{BatchError, Batcher, QueueId, Rules, Scored},
    decode::Picture,
    tagger::Tagger,
};
use crate::engine::{Engine, Engines, Sizes};

/// A version that is loaded and warm, and that nobody uses yet.
pub struct LoadedVersion {
    pub tagger: Arc<Tagger>,
    pub engines: Vec<Box<dyn Engine>>,
    /// Seconds that runs took, by size.
    pub warm_up: Vec<(usize, f64)>,
    /// Its own, where it wants smaller batches than the worker's.
    pub sizes: Sizes,
}

/// One version of one model, with a queue of its own.
#[derive(Debug)]
pub struct Version {
    pub tagger: Arc<Tagger>,
    pub queue: QueueId,
}

impl Version {
    fn open(loaded: LoadedVersion, batcher: &Batcher, rules: Rules) -> Self {
        let engines = Arc::new(Engines::new(loaded.engines));
        let rules = Rules {
            sizes: loaded.sizes,
            ..rules
        };
        Self {
            tagger: loaded.tagger,
            queue: batcher.open(rules, &loaded.warm_up, engines),
        }
    }
}

/// An image, and what the present version made of it.
#[derive(Debug)]
pub struct Sample {
    pub picture: Picture,
    pub scores: Vec<f32>,
}

/// Takes live images while a trial is on. Those that come too fast are left out.
pub type Samples = mpsc::SyncSender<Sample>;

/// How far a newer version has come.
#[derive(Clone, Debug)]
pub enum Next {
    Nothing,
    Trial(Samples),
    Canary(Arc<Canary>),
}

/// One model that a worker serves.
#[derive(Debug)]
pub struct Served {
    name: String,
    /// No version may ask for other tiles: the jobs under way have these.
    tile: TileSpec,
    batcher: Arc<Batcher>,
    rules: Rules,
    now: RwLock<Now>,
}

#[derive(Debug)]
struct Now {
    stable: Arc<Version>,
    next: Next,
}

impl Served {
    pub fn new(loaded: LoadedVersion, batcher: Arc<Batcher>, rules: Rules) -> Self {
        let stable = Arc::new(Version::open(loaded, &batcher, rules));
        let model = &stable.tagger.model;
        Self {
            name: model.id.name.clone(),
            tile: model.tile,
            batcher,
            rules,
            now: RwLock::new(Now {
                stable,
                next: Next::Nothing,
            }),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tile(&self) -> TileSpec {
        self.tile
    }

    pub fn stable(&self) -> Arc<Version> {
        self.now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .stable
            .clone()
    }

    /// Returns the scores of an image, and the version that gave them. A newer version that
    /// fails costs the job time, but not its answer.
    pub async fn score(
        &self,
        priority: Priority,
        picture: Picture,
        deadline: Instant,
    ) -> Result<(Scored, Arc<Version>), BatchError> {
        if let Next::Canary(canary) = self.next()
            && canary.takes()
        {
            match self
                .batcher
                .submit(canary.version.queue, priority, picture.clone(), deadline)
                .await
            {
                Ok(scored) => {
                    canary.went_well();
                    return Ok((scored, canary.version.clone()));
                }
                Err(BatchError::Engine(error)) => canary.failed(error),
                Err(BatchError::Retired) => {}
                Err(error) => return Err(error),
            }
        }
        self.score_stable(priority, picture, deadline).await
    }

    async fn score_stable(
        &self,
        priority: Priority,
        picture: Picture,
        deadline: Instant,
    ) -> Result<(Scored, Arc<Version>), BatchError> {
        loop {
            let stable = self.stable();
            match self
                .batcher
                .submit(stable.queue, priority, picture.clone(), deadline)
                .await
            {
                // Replaced since it was looked up: the one that took its place was there first.
                Err(BatchError::Retired) => {}
                Err(error) => return Err(error),
                Ok(scored) => {
                    self.show(picture, &scored);
                    return Ok((scored, stable));
                }
            }
        }
    }

    fn show(&self, picture: Picture, scored: &Scored) {
        if let Next::Trial(samples) = self.next() {
            let _ = samples.try_send(Sample {
                picture,
                scores: scored.scores.clone(),
            });
        }
    }

    fn next(&self) -> Next {
        self.now
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .next
            .clone()
    }

    pub fn set_next(&self, next: Next) {
        self.now
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .next = next;
    }

    pub fn open(&self, loaded: LoadedVersion) -> Arc<Version> {
        Arc::new(Version::open(loaded, &self.batcher, self.rules))
    }

    /// Answers no more jobs with `version`, which so runs empty.
    pub fn retire(&self, version: &Version) {
        self.batcher.retire(version.queue);
    }

    /// Lets `version` answer from now on.
    pub fn switch(&self, version: Arc<Version>) {
        let old = {
            let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
            now.next = Next::Nothing;
            std::mem::replace(&mut now.stable, version)
        };
        self.retire(&old);
    }
}
