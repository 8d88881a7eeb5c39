//! What a worker needs before it can begin. All of it blocks while it loads.

use std::{collections::HashSet, sync::Arc};

use common::{bus::Bus, model::Manifest};
use tags::Taxonomy;

use super::{WorkerError, captioner};
use crate::{
    captioning::{Captioner, guard::Labels},
    config::{WorkerConfig, WorkerMode},
    engine::{Kind, Onnx, Pretence},
    models::{Loaded, Loader, VersionError, fake},
};

pub struct Ready {
    /// Is nothing where there are no files to load.
    pub loader: Option<Arc<Loader>>,
    /// The models in the order of the setting.
    pub models: Vec<Loaded>,
    /// Is nothing where others write captions.
    pub captioner: Option<Captioner>,
}

/// Loads what a tagging worker needs.
pub fn everything(config: &WorkerConfig, bus: &Bus) -> Result<Ready, WorkerError> {
    match config.engine {
        Kind::Onnx => load_files(config, bus),
        Kind::Fake(pretence) => load_fake(config, pretence, bus),
    }
}

/// Loads what a captioning worker needs: the captioner, and the names of what the models can see.
pub fn captioner_alone(config: &WorkerConfig, bus: &Bus) -> Result<Captioner, WorkerError> {
    let mut taxonomies = Vec::new();
    match config.engine {
        Kind::Fake(_) => taxonomies.push(fake::taxonomy().map_err(VersionError::from)?),
        Kind::Onnx => {
            for model in &config.models {
                taxonomies.push(taxonomy(config, model)?);
            }
        }
    }
    captioner::load(config, bus, &labels(&taxonomies))
}

fn load_fake(config: &WorkerConfig, pretence: Pretence, bus: &Bus) -> Result<Ready, WorkerError> {
    tracing::warn!(?pretence, "the engine is fake: every tag is made up");
    let threads = config.engine_threads();
    let sizes = config.rules().sizes;
    let fake = fake::load(pretence, threads, sizes).map_err(VersionError::from)?;
    let captioner = own_captioner(config, bus, &labels([&fake.version.tagger.rules.taxonomy]))?;
    Ok(Ready {
        loader: None,
        models: vec![fake],
        captioner,
    })
}

fn load_files(config: &WorkerConfig, bus: &Bus) -> Result<Ready, WorkerError> {
    let loader = Loader {
        environment: Onnx::environment(&config.onnxruntime())?,
        models_dir: config.models_dir.clone(),
        device: config.device,
        precision: config.precision,
        engines: config.engine_threads(),
        sizes: config.rules().sizes,
    };
    let mut models = Vec::new();
    for model in &config.models {
        models.push(loader.load(&loader.folder(model))?);
    }
    expect_own_names(&models)?;
    let labels = labels(
        models
            .iter()
            .map(|loaded| &loaded.version.tagger.rules.taxonomy),
    );
    let captioner = own_captioner(config, bus, &labels)?;
    Ok(Ready {
        loader: Some(Arc::new(loader)),
        models,
        captioner,
    })
}

fn expect_own_names(models: &[Loaded]) -> Result<(), WorkerError> {
    let mut names = HashSet::new();
    for loaded in models {
        let name = &loaded.version.tagger.model.id.name;
        if !names.insert(name) {
            return Err(WorkerError::SameName(name.clone()));
        }
    }
    Ok(())
}

/// Loads the captioner of a worker that tags. A language model is loaded only by who writes captions;
/// whatever else writes costs nothing, and does it here.
fn own_captioner(
    config: &WorkerConfig,
    bus: &Bus,
    labels: &Labels,
) -> Result<Option<Captioner>, WorkerError> {
    let mut choices = config.captioner_choices().into_iter();
    let is_elsewhere =
        config.mode() == WorkerMode::Tags && choices.any(|choice| choice.is_a_model());
    if is_elsewhere {
        return Ok(None);
    }
    captioner::load(config, bus, labels).map(Some)
}

fn taxonomy(config: &WorkerConfig, model: &str) -> Result<Taxonomy, WorkerError> {
    let manifest = Manifest::read(&config.models_dir.join(model))?;
    if manifest.kind.is_of_lines() {
        return Ok(Taxonomy::empty());
    }
    let labels = manifest.verified(manifest.require(&manifest.files.labels, "files.labels")?)?;
    Ok(Taxonomy::from_json(&labels).map_err(VersionError::from)?)
}

fn labels<'a>(taxonomies: impl IntoIterator<Item = &'a Taxonomy>) -> Labels {
    Labels::new(taxonomies.into_iter().flat_map(Taxonomy::entry_names))
}
