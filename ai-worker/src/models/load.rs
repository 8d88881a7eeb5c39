//! From a model's folder to a version that is verified, loaded and warm.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use common::{
    model::{Manifest, ModelError},
    wire::{ModelId, ModelInfo},
};

use super::source::Source;
use crate::{
    batch::Sizes,
    engine::{Device, Engine, EngineError, Environment, LoadError, Numbers, Onnx, Precision, Setting},
    job::Tagger,
    tags::{Calibration, Taxonomy, TaxonomyError},
};

#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the model failed on a blank image: {0}")]
    WarmUp(#[from] EngineError),
    #[error(transparent)]
    Labels(#[from] TaxonomyError),
    #[error("model {name} runs on {supported}, not on {device}")]
    Unsupported { name: String, supported: String, device: Device },
}

/// Loads every version in the same way.
#[derive(Debug)]
pub struct Loader {
    pub environment: Environment,
    pub models_dir: PathBuf,
    pub device: Device,
    pub precision: Precision,
    /// Engines that a version needs.
    pub lanes: usize,
    pub sizes: Sizes,
}

/// A version that nobody uses yet.
pub struct Loaded {
    pub tagger: Arc<Tagger>,
    pub source: Source,
    pub engines: Vec<Box<dyn Engine>>,
    /// Seconds that runs took, by size.
    pub warm_up: Vec<(usize, f64)>,
}

impl Loader {
    pub fn folder(&self, model: &str) -> PathBuf {
        self.models_dir.join(model)
    }

    /// Blocks: seconds on a CPU, minutes where TensorRT builds its plans.
    pub fn load(&self, folder: &Path) -> Result<Loaded, VersionError> {
        let manifest = Manifest::read(folder)?;
        self.expect_supported(&manifest)?;
        let graph = self.graph(&manifest)?;
        let labels = manifest.verified(manifest.require(&manifest.files.labels, "files.labels")?)?;
        let (mut engines, mut classes, mut warm_up) = (Vec::<Box<dyn Engine>>::new(), 0, Vec::new());
        for _ in 0..self.lanes {
            let setting = Setting { device: self.device, threads: 1, sizes: self.sizes };
            let mut engine = Onnx::load(&self.environment, &manifest, &graph, setting)?;
            let told = engine.warm_up(self.sizes)?;
            classes = told.classes;
            warm_up.extend(told.seconds);
            engines.push(Box::new(engine));
        }
        let taxonomy = Taxonomy::from_json(&labels)?.expect_classes(classes)?;
        let source = Source::of(&manifest);
        let calibration = Calibration::new(&manifest, &taxonomy)?;
        let tagger = Arc::new(Tagger { taxonomy, calibration, model: info(manifest, classes)? });
        Ok(Loaded { tagger, source, engines, warm_up })
    }

    /// In the fastest numbers for the device that the model has a graph for.
    fn graph(&self, manifest: &Manifest) -> Result<Vec<u8>, ModelError> {
        let files = &manifest.files;
        let chosen = match self.precision.on(self.device) {
            Numbers::Int8 => files.graph_int8.as_ref(),
            Numbers::Fp16 => files.graph_fp16.as_ref(),
            Numbers::Fp32 => None,
        };
        let graph = chosen.map_or_else(|| manifest.require(&files.graph, "files.graph"), Ok)?;
        tracing::info!(model = manifest.name, graph = %graph.path.display(), "loading the graph");
        manifest.verified(graph)
    }

    fn expect_supported(&self, manifest: &Manifest) -> Result<(), VersionError> {
        let unsupported = |devices: &&Vec<String>| !devices.iter().any(|device| device == self.device.kind());
        match manifest.devices.as_ref().filter(unsupported) {
            None => Ok(()),
            Some(devices) => Err(VersionError::Unsupported {
                name: manifest.name.clone(),
                supported: devices.join(", "),
                device: self.device,
            }),
        }
    }
}

fn info(manifest: Manifest, classes: usize) -> Result<ModelInfo, ModelError> {
    let tile = manifest.require(&manifest.input, "[input]")?.tile;
    Ok(ModelInfo {
        id: ModelId { name: manifest.name, version: manifest.version },
        kind: manifest.kind,
        licence: manifest.licence,
        source: manifest.source,
        tile,
        default_limit: manifest.default_limit,
        default_threshold: manifest.default_threshold,
        classes: classes as u32,
    })
}
