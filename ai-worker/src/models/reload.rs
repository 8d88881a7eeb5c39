//! A newer version in a model's folder takes the present one's place, without
//! a restart and without a job that fails: loaded beside it, compared with it,
//! tried on a share of the jobs, and only then put in charge.

use crate::metrics::MODEL_RELOADS;
use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use common::shutdown::Shutdown;

use super::{
    Served, Version, VersionError,
    canary::Canary,
    load::{Loaded, Loader},
    served::Next,
    source::Look,
    trial::{Failing, Trial},
};
use crate::{blocking::on_thread, config::ReloadConfig, engine::EngineError};

/// Watches the folder of one model.
pub struct Reloader {
    pub served: Arc<Served>,
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
    /// The label `outcome` of `tagfleet_model_reloads_total`.
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
    pub async fn watch(self, shutdown: Shutdown) {
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
            if look
                .source
                .as_ref()
                .is_ok_and(|source| *source == self.served.stable().source)
            {
                refused = None;
            } else if refused.as_ref() != Some(&look) {
                tokio::select! {
                    ended = self.replace(&look) => self.tell(ended),
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

    async fn replace(&self, look: &Look) -> Result<(), Refused> {
        look.source
            .as_ref()
            .map_err(|error| Refused::Manifest(error.clone()))?;
        let loaded = self.compare(self.load().await?).await?;
        let version = self.served.open(loaded);
        let tried = Tried {
            served: &self.served,
            version: Some(&version),
        };
        if self.config.has_canary() {
            let canary = Canary::new(
                version.clone(),
                self.config.canary_share,
                self.config.canary_jobs,
            );
            let canary = Arc::new(canary);
            self.served.set_next(Next::Canary(canary.clone()));
            canary.verdict().await?;
        }
        tried.keep();
        self.served.switch(version);
        Ok(())
    }

    async fn load(&self) -> Result<Loaded, Refused> {
        let (loader, folder) = (self.loader.clone(), self.loader.folder(&self.model));
        let load = move || loader.load(Path::new(&folder));
        let loaded = on_thread("model-load", load)
            .await
            .ok_or(Refused::Panicked)??;
        let model = &loaded.tagger.model;
        let same = model.id.name == self.served.name() && model.tile == self.served.tile();
        if same {
            Ok(loaded)
        } else {
            Err(Refused::Other)
        }
    }

    /// Waits for as many live images as are to be compared.
    async fn compare(&self, mut loaded: Loaded) -> Result<Loaded, Refused> {
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

    fn tell(&self, ended: Result<(), Refused>) {
        let model = self.served.name();
        match ended {
            Ok(()) => {
                let version = &self.served.stable().tagger.model.id.version;
                tracing::info!(model, version, "a new version of the model answers now");
                count("switched");
            }
            Err(refused) => {
                let version = &self.served.stable().tagger.model.id.version;
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
