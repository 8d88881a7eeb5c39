//! One model as jobs see it: they ask for scores, and learn which version gave them.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use common::{model::TileSpec, queue::Priority};

use super::{
    canary::Canary,
    load::Loaded,
    source::Source,
    trial::{Sample, Samples},
};
use crate::{
    batch::{BatchError, Batcher, LineId, Rules, Scored},
    decode::Picture,
    engine::Engines,
    job::Tagger,
};

/// One version of one model, with a line of its own.
#[derive(Debug)]
pub struct Version {
    pub tagger: Arc<Tagger>,
    pub source: Source,
    pub line: LineId,
}

impl Version {
    pub fn open(loaded: Loaded, batcher: &Batcher, rules: Rules) -> Self {
        let Loaded {
            tagger,
            source,
            engines,
            warm_up,
        } = loaded;
        let line = batcher.open(rules, &warm_up, Arc::new(Engines::new(engines)));
        Self {
            tagger,
            source,
            line,
        }
    }
}

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

/// How far a newer version has come.
#[derive(Clone, Debug)]
pub enum Next {
    Nothing,
    Trial(Samples),
    Canary(Arc<Canary>),
}

impl Served {
    pub fn new(loaded: Loaded, batcher: Arc<Batcher>, rules: Rules) -> Self {
        let stable = Arc::new(Version::open(loaded, &batcher, rules));
        let (name, tile) = (
            stable.tagger.model.id.name.clone(),
            stable.tagger.model.tile,
        );
        Self {
            name,
            tile,
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

    /// Scores of an image, and the version that gave them. A newer version that
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
                .submit(canary.version.line, priority, picture.clone(), deadline)
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
                .submit(stable.line, priority, picture.clone(), deadline)
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

    pub fn open(&self, loaded: Loaded) -> Arc<Version> {
        Arc::new(Version::open(loaded, &self.batcher, self.rules))
    }

    /// Answers no more jobs with `version`, which so runs empty.
    pub fn retire(&self, version: &Version) {
        self.batcher.retire(version.line);
    }

    /// From now on `version` answers.
    pub fn switch(&self, version: Arc<Version>) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut now.stable, version);
        now.next = Next::Nothing;
        drop(now);
        self.retire(&old);
    }
}
