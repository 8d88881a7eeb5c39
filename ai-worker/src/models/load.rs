//! From a model's folder to a version that is verified, loaded and warm.

use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use common::{
    model::{Manifest, ModelError},
    wire::{ModelId, ModelInfo},
};

use super::source::Source;
use crate::{
    batch::Sizes,
    engine::{
        Device, Engine, EngineError, Environment, LoadError, Numbers, Onnx, Precision, Setting,
        WarmUp,
    },
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
    Unsupported {
        name: String,
        supported: String,
        device: Device,
    },
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
        let (graph, numbers) = self.graph(&manifest)?;
        let labels =
            manifest.verified(manifest.require(&manifest.files.labels, "files.labels")?)?;
        let setting = Setting {
            device: self.device,
            numbers,
            threads: 1,
            sizes: self.sizes,
        };
        let engine = || self.engine(&manifest, &graph, setting);
        // At once: cuDNN takes seconds for each size of batch.
        let lanes = thread::scope(|scope| {
            let lanes: Vec<_> = (0..self.lanes).map(|_| scope.spawn(engine)).collect();
            let loaded = lanes
                .into_iter()
                .map(|lane| lane.join().unwrap_or_else(|panic| resume_unwind(panic)));
            loaded.collect::<Result<Vec<_>, VersionError>>()
        })?;
        let (mut engines, mut classes, mut warm_up) =
            (Vec::<Box<dyn Engine>>::new(), 0, Vec::new());
        for (engine, told) in lanes {
            classes = told.classes;
            warm_up.extend(told.seconds);
            engines.push(Box::new(engine));
        }
        let taxonomy = Taxonomy::from_json(&labels)?.expect_classes(classes)?;
        let source = Source::of(&manifest);
        let calibration = Calibration::new(&manifest, &taxonomy)?;
        let tagger = Arc::new(Tagger {
            taxonomy,
            calibration,
            model: info(manifest, classes)?,
        });
        Ok(Loaded {
            tagger,
            source,
            engines,
            warm_up,
        })
    }

    /// Of one lane, loaded and warm.
    fn engine(
        &self,
        manifest: &Manifest,
        graph: &[u8],
        setting: Setting,
    ) -> Result<(Onnx, WarmUp), VersionError> {
        let mut engine = Onnx::load(&self.environment, manifest, graph, setting)?;
        let warm_up = engine.warm_up(self.sizes)?;
        Ok((engine, warm_up))
    }

    /// In the fastest numbers for the device that the model has a graph for.
    fn graph(&self, manifest: &Manifest) -> Result<(Vec<u8>, Numbers), ModelError> {
        let files = &manifest.files;
        let numbers = self.precision.on(self.device);
        let chosen = match numbers {
            Numbers::Int8 => files.graph_int8.as_ref(),
            Numbers::Fp16 => files.graph_fp16.as_ref(),
            Numbers::Fp32 => None,
        };
        let (graph, numbers) = match chosen {
            Some(graph) => (graph, numbers),
            None => (
                manifest.require(&files.graph, "files.graph")?,
                Numbers::Fp32,
            ),
        };
        tracing::info!(model = manifest.name, graph = %graph.path.display(), "loading the graph");
        Ok((manifest.verified(graph)?, numbers))
    }

    fn expect_supported(&self, manifest: &Manifest) -> Result<(), VersionError> {
        let unsupported =
            |devices: &&Vec<String>| !devices.iter().any(|device| device == self.device.kind());
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
        id: ModelId {
            name: manifest.name,
            version: manifest.version,
        },
        kind: manifest.kind,
        licence: manifest.licence,
        source: manifest.source,
        tile,
        default_limit: manifest.default_limit,
        default_threshold: manifest.default_threshold,
        classes: classes as u32,
    })
}
