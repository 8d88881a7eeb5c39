//! Who works, and which models they run: from the workers' announcements,
//! kept as last known while the bus is away.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use common::{
    bus::Bus,
    fault::{Code, Fault},
    model::ModelKind,
    queue::Queue,
    stage::Stage,
    wire::{self, Features, ModelInfo, WorkerInfo, announced},
};

use crate::auxiliary;

/// A look is fresh for so long, however many requests ask for one.
const FRESH: Duration = Duration::from_millis(200);
/// A Redis that was away may have lost what workers said of themselves. They say it again within this time.
const ANNOUNCED_AGAIN: Duration = Duration::from_secs(5);
/// A request waits no longer for a look than this.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct FleetView {
    bus: Bus,
    /// Is told whether the workers know bundles.
    queue: Queue,
    default_model: Option<String>,
    known: RwLock<Arc<Known>>,
    /// One look at a time; the moment of the last one.
    looked: tokio::sync::Mutex<Option<Instant>>,
    /// When a look last failed, if any has.
    failed: RwLock<Option<Instant>>,
}

#[derive(Debug, Default)]
pub struct Known {
    /// By name.
    pub workers: Vec<WorkerInfo>,
}

impl FleetView {
    pub fn new(bus: Bus, queue: Queue, default_model: Option<String>) -> Self {
        Self {
            bus,
            queue,
            default_model,
            known: RwLock::default(),
            looked: tokio::sync::Mutex::default(),
            failed: RwLock::default(),
        }
    }

    pub fn known(&self) -> Arc<Known> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The model that a request wants, or the default one.
    pub async fn model(&self, name: Option<&str>) -> Result<ModelInfo, Fault> {
        if let Some(model) = self.find(name) {
            return Ok(model);
        }
        // A worker may have come since the last look.
        self.refresh().await;
        self.find(name).ok_or_else(|| self.missing())
    }

    fn find(&self, name: Option<&str>) -> Option<ModelInfo> {
        let known = self.known();
        match name.or(self.default_model.as_deref()) {
            Some(name) => known.taggers().find(|model| model.id.name == name).cloned(),
            None => known.default_model().cloned(),
        }
    }

    /// Returns the model that finds tags by words.
    pub async fn phrase_model(&self) -> Result<ModelInfo, Fault> {
        let find = || {
            let known = self.known();
            let mut models = known.workers.iter().flat_map(|worker| &worker.models);
            models
                .find(|model| model.kind == ModelKind::Phrase)
                .cloned()
        };
        if let Some(model) = find() {
            return Ok(model);
        }
        self.refresh().await;
        find().ok_or_else(nobody_finds)
    }

    /// Returns the models that look at a picture beside its tagger, for what is asked. Workers of one fleet serve the same
    /// ones; where some do not, their answers lack that part and say so.
    pub fn beside(&self, model: &ModelInfo, asked: Features) -> Result<Vec<ModelInfo>, Fault> {
        auxiliary::choose(model, asked, self.known().models())
    }

    /// Refuses a job of a version that some worker does not read: all take from one queue, so it may come to any of them, and
    /// one that returns it each time makes a dead letter of it.
    pub fn expect_readers(&self, version: u16) -> Result<(), Fault> {
        let known = self.known();
        if known
            .workers
            .iter()
            .all(|worker| worker.newest_read() >= version)
        {
            return Ok(());
        }
        let detail = "Some workers are of a version that does not know all that is asked for: a language, a selection of tags, \
                      words of a vocabulary, or scores that are kept. Ask for none of them, or again once the workers are upgraded.";
        Err(Fault::new(Code::NoWorkers, Stage::Lookup, detail))
    }

    fn missing(&self) -> Fault {
        let known = self.known();
        if known.workers.is_empty() && self.has_failed_within(ANNOUNCED_AGAIN) {
            return Fault::new(
                Code::ResultsUnavailable,
                Stage::Lookup,
                "Workers and results cannot be heard of at present.",
            );
        }
        if known.workers.is_empty() {
            return Fault::new(
                Code::NoWorkers,
                Stage::Lookup,
                "No worker has announced itself.",
            );
        }
        let mut names: Vec<_> = known
            .taggers()
            .map(|model| model.id.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        Fault::new(
            Code::ModelNotFound,
            Stage::Lookup,
            format!("Models that run now: {}.", names.join(", ")),
        )
    }

    /// The default model's name, where there is one.
    pub fn default_name(&self) -> Option<String> {
        self.find(None).map(|model| model.id.name)
    }

    /// Returns who writes captions, each once.
    pub fn captioners(&self) -> String {
        let known = self.known();
        let mut names: Vec<_> = known
            .workers
            .iter()
            .map(|worker| worker.captioner.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        names.join(",")
    }

    fn has_failed_within(&self, time: Duration) -> bool {
        let failed = self.failed.read().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < time)
    }

    fn note_failure(&self) {
        *self.failed.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Looks at the bus, unless somebody did so just now.
    pub async fn refresh(&self) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        match tokio::time::timeout(LOOK_TIMEOUT, self.bus.announced(announced::TAGGER)).await {
            // Those that were known are there still, as far as anybody can tell.
            Ok(Ok(payloads)) if payloads.is_empty() && self.has_failed_within(ANNOUNCED_AGAIN) => {}
            Ok(Ok(payloads)) => {
                let read = |payload: &bytes::Bytes| wire::decode::<WorkerInfo>(payload).ok();
                let mut workers: Vec<_> = payloads.iter().filter_map(read).collect();
                workers.sort_by(|a, b| a.worker.cmp(&b.worker));
                self.queue.set_bundles(
                    !workers.is_empty() && workers.iter().all(|worker| worker.bundles),
                );
                *self.known.write().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(Known { workers });
            }
            Ok(Err(error)) => {
                self.note_failure();
                tracing::warn!(%error, "cannot read the workers' announcements");
            }
            Err(_) => {
                self.note_failure();
                tracing::warn!("reading the workers' announcements takes too long");
            }
        }
        *looked = Some(Instant::now());
    }
}

fn nobody_finds() -> Fault {
    let detail = "No worker has a model that finds tags by words. Workers have one with `--model efficientnet-lite0,use-multilingual`.";
    Fault::new(Code::ModelNotFound, Stage::Lookup, detail)
}

impl Known {
    /// Every model of every worker that is shown pictures, or parts of such.
    pub fn models(&self) -> impl Iterator<Item = &ModelInfo> + Clone {
        self.workers
            .iter()
            .flat_map(|worker| &worker.models)
            .filter(|model| model.kind.takes_pictures() || model.kind.is_of_lines())
    }

    /// Every model of every worker, whatever it is shown.
    pub fn all(&self) -> impl Iterator<Item = &ModelInfo> + Clone {
        self.workers.iter().flat_map(|worker| &worker.models)
    }

    /// Those of them that a request may be for.
    pub fn taggers(&self) -> impl Iterator<Item = &ModelInfo> + Clone {
        self.models().filter(|model| model.kind.takes_pictures())
    }

    /// Chooses the model: what a worker names first is its default. Where workers differ, a softmax
    /// model is preferred, then the first by name.
    fn default_model(&self) -> Option<&ModelInfo> {
        let firsts = self.workers.iter().filter_map(|worker| {
            worker
                .models
                .iter()
                .find(|model| model.kind.takes_pictures())
        });
        firsts.min_by_key(|model| (model.kind != ModelKind::Softmax, &model.id.name))
    }
}
