//! A newer version in a model's folder takes the present one's place, without
//! a restart and without a job that fails: loaded beside it, compared with it,
//! tried on a share of the jobs, and only then put in charge.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use common::shutdown::Shutdown;

use super::{
    load::{Loaded, Loader, VersionError},
    source::{Look, ModelFolder},
    trial::{Failing, Trial},
};
use crate::{
    blocking::on_thread,
    config::ReloadConfig,
    engine::EngineError,
    metrics::MODEL_RELOADS,
    tagging::{Canary, LoadedVersion, Next, Served, Version},
};

/// Watches the folder of one model.
pub struct Reloader {
    pub served: Arc<Served>,
    /// What the version is made of that answers now.
    pub present: ModelFolder,
    pub loader: Arc<Loader>,
    /// The model's folder below the models folder.
    pub model: String,
    pub config: ReloadConfig,
    pub engine_timeout: Duration,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Load(#[from] VersionError),
    #[error("{0}")]
    Manifest(String),
    #[error("loading it panicked")]
    Panicked,
    #[error("it is another model, or takes other tiles: that takes a restart")]
    Other,
    #[error(transparent)]
    Compared(#[from] Failing),
    #[error("a job failed with it: {0}")]
    Canary(#[from] EngineError),
}

impl Refused {
    /// Returns the label `outcome` of `tagfleet_model_reloads_total`.
    fn outcome(&self) -> &'static str {
        match self {
            Refused::Load(_) | Refused::Manifest(_) | Refused::Panicked | Refused::Other => {
                "not_loaded"
            }
            Refused::Compared(_) => "refused",
            Refused::Canary(_) => "rolled_back",
        }
    }
}

impl Reloader {
    /// Ends with `shutdown`.
    pub async fn watch(mut self, shutdown: Shutdown) {
        let Some(every) = self.config.model_poll() else {
            return;
        };
        let mut refused = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = shutdown.cancelled() => return,
            }
            let Some(look) = self.look().await else {
                continue;
            };
            if look.source.as_ref() == Ok(&self.present) {
                refused = None;
            } else if refused.as_ref() != Some(&look) {
                tokio::select! {
                    ended = self.replace(&look) => self.conclude(ended),
                    () = self.changes(&look, every) => count("superseded"),
                    () = shutdown.cancelled() => return,
                }
                self.served.set_next(Next::Nothing);
                refused = Some(look);
            }
        }
    }

    async fn look(&self) -> Option<Look> {
        let folder = self.loader.folder(&self.model);
        on_thread("model-look", move || Look::at(&folder)).await
    }

    /// Returns once the folder holds something else than it did at `look`.
    async fn changes(&self, look: &Look, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            if self.look().await.is_some_and(|now| now != *look) {
                return;
            }
        }
    }

    /// Returns what the version is made of that took the present one's place.
    async fn replace(&self, look: &Look) -> Result<ModelFolder, Refused> {
        if let Err(error) = &look.source {
            return Err(Refused::Manifest(error.clone()));
        }
        let loaded = self.load().await?;
        let compared = self.compare(loaded.version).await?;
        let version = self.served.open(compared);
        let tried = Tried {
            served: &self.served,
            version: Some(&version),
        };
        if self.config.has_canary() {
            self.try_canary(version.clone()).await?;
        }
        tried.keep();
        self.served.switch(version);
        Ok(loaded.source)
    }

    async fn try_canary(&self, version: Arc<Version>) -> Result<(), Refused> {
        let share = self.config.canary_share;
        let jobs = self.config.canary_jobs;
        let canary = Arc::new(Canary::new(version, share, jobs));
        self.served.set_next(Next::Canary(canary.clone()));
        canary.verdict().await?;
        Ok(())
    }

    async fn load(&self) -> Result<Loaded, Refused> {
        let loader = self.loader.clone();
        let folder = self.loader.folder(&self.model);
        let loading = on_thread("model-load", move || loader.load(&folder));
        let loaded = loading.await.ok_or(Refused::Panicked)??;
        let model = &loaded.version.tagger.model;
        if model.id.name == self.served.name() && model.tile == self.served.tile() {
            Ok(loaded)
        } else {
            Err(Refused::Other)
        }
    }

    /// Waits for as many live images as are to be compared.
    async fn compare(&self, mut loaded: LoadedVersion) -> Result<LoadedVersion, Refused> {
        let jobs = self.config.reload_compare_jobs;
        if jobs == 0 {
            return Ok(loaded);
        }
        let Some(engine) = loaded.engines.pop() else {
            return Ok(loaded);
        };
        let (samples, seen) = mpsc::sync_channel(jobs);
        let trial = Trial {
            engine,
            present: self.served.stable(),
            jobs,
            min_agreement: self.config.reload_min_agreement,
            patience: self.engine_timeout,
        };
        self.served.set_next(Next::Trial(samples));
        let compared = trial.run(loaded.tagger.clone(), seen).await;
        self.served.set_next(Next::Nothing);
        loaded.engines.push(compared.ok_or(Refused::Panicked)??);
        Ok(loaded)
    }

    fn conclude(&mut self, ended: Result<ModelFolder, Refused>) {
        let stable = self.served.stable();
        let model = self.served.name();
        let version = &stable.tagger.model.id.version;
        match ended {
            Ok(source) => {
                tracing::info!(model, version, "a new version of the model answers now");
                count("switched");
                self.present = source;
            }
            Err(refused) => {
                tracing::error!(model, version, error = %refused, "a new version of the model is refused; this one stays");
                count(refused.outcome());
            }
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(MODEL_RELOADS, "outcome" => outcome).increment(1);
}

/// A version that is let go however its trial ends, unless it is kept.
struct Tried<'a> {
    served: &'a Served,
    version: Option<&'a Version>,
}

impl Tried<'_> {
    fn keep(mut self) {
        self.version = None;
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if let Some(version) = self.version {
            self.served.set_next(Next::Nothing);
            self.served.retire(version);
        }
    }
}
