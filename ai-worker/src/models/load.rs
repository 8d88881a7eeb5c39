//! Makes of a model's folder a version that is verified, loaded and warm.

use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use common::{
    model::{Manifest, ModelError, ModelKind, Subject},
    wire::{ModelId, ModelInfo},
};
use tags::{PERSON, TagRules, Taxonomy, TaxonomyError};

use super::source::ModelFolder;
use crate::{
    engine::{
        Device, Engine, EngineError, Environment, LoadError, Numbers, Onnx, Precision, Setting,
        Sizes, WarmUp,
    },
    tagging::{
        COORDINATES, LoadedVersion, Pieces, Tagger,
        reading::{Alphabet, AlphabetError},
    },
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
    #[error(transparent)]
    Alphabet(#[from] AlphabetError),
    #[error("model {0} answers an odd number of numbers, while a reader has two for each step")]
    Odd(String),
    #[error("the pieces of phrases are not valid: {0}")]
    Pieces(serde_json::Error),
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
    /// Engines that a version needs: one for each engine thread.
    pub engines: usize,
    pub sizes: Sizes,
}

/// A version that nobody uses yet, and what it was made of.
pub struct Loaded {
    pub version: LoadedVersion,
    pub source: ModelFolder,
}

/// An engine that has run once in every size, and what those runs told.
type WarmEngine = (Onnx, WarmUp);

impl Loader {
    pub fn folder(&self, model: &str) -> PathBuf {
        self.models_dir.join(model)
    }

    /// Loads a version. It blocks: seconds on a CPU, minutes where TensorRT builds its plans.
    pub fn load(&self, folder: &Path) -> Result<Loaded, VersionError> {
        let manifest = Manifest::read(folder)?;
        self.expect_supported(&manifest)?;
        let meaning = Meaning::read(&manifest)?;
        let sizes = self.sizes(&manifest);
        let mut outputs = 0;
        let mut warm_up = Vec::new();
        let mut engines: Vec<Box<dyn Engine>> = Vec::new();
        for (engine, told) in self.engines(&manifest, sizes)? {
            outputs = told.classes;
            warm_up.extend(told.seconds);
            engines.push(Box::new(engine));
        }
        let outputs = scores_of(&manifest, outputs)?;
        let classes = meaning.classes(&manifest, outputs)?;
        expect_fitting(&manifest, &meaning.taxonomy)?;
        let Meaning { taxonomy, alphabet } = meaning;
        let pieces = pieces(&manifest)?;
        let source = ModelFolder::new(&manifest);
        let tagger = Tagger {
            rules: TagRules::new(&manifest, taxonomy)?,
            spoken: manifest.spoken,
            gate: manifest.gate,
            pieces,
            alphabet,
            model: info(manifest, classes)?,
        };
        Ok(Loaded {
            version: LoadedVersion {
                tagger: Arc::new(tagger),
                engines,
                warm_up,
                sizes,
            },
            source,
        })
    }

    /// Loads the engines all at once: cuDNN takes seconds for each size of batch.
    fn engines(&self, manifest: &Manifest, sizes: Sizes) -> Result<Vec<WarmEngine>, VersionError> {
        let (graph, numbers) = self.graph(manifest)?;
        let setting = Setting {
            device: self.device,
            numbers,
            threads: 1,
            sizes,
        };
        let load = || self.engine(manifest, &graph, setting);
        thread::scope(|scope| {
            let loading: Vec<_> = (0..self.engines).map(|_| scope.spawn(load)).collect();
            loading
                .into_iter()
                .map(|engine| engine.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    fn engine(
        &self,
        manifest: &Manifest,
        graph: &[u8],
        setting: Setting,
    ) -> Result<WarmEngine, VersionError> {
        let mut engine = Onnx::load(&self.environment, manifest, graph, setting)?;
        let warm_up = engine.warm_up(setting.sizes)?;
        Ok((engine, warm_up))
    }

    /// Returns the worker's sizes of batches, unless the model's are smaller.
    fn sizes(&self, manifest: &Manifest) -> Sizes {
        let own = manifest.input.as_ref().and_then(|input| input.max_batch);
        match own {
            Some(own) => self.sizes.at_most(own.into()),
            None => self.sizes,
        }
    }

    /// Reads the graph in the fastest numbers for the device that the model has one for.
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
        let device = self.device.kind();
        match &manifest.devices {
            Some(devices) if !devices.iter().any(|supported| supported == device) => {
                Err(VersionError::Unsupported {
                    name: manifest.name.clone(),
                    supported: devices.join(", "),
                    device: self.device,
                })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What a model's numbers mean: tags of a taxonomy, or symbols of an alphabet. Those of a map of lines mean places.
struct Meaning {
    taxonomy: Taxonomy,
    alphabet: Option<Alphabet>,
}

impl Meaning {
    fn read(manifest: &Manifest) -> Result<Self, VersionError> {
        let files = &manifest.files;
        let mut meaning = Self {
            taxonomy: Taxonomy::empty(),
            alphabet: None,
        };
        match manifest.kind {
            ModelKind::Lines => {}
            ModelKind::Text => {
                let file = manifest.require(&files.alphabet, "files.alphabet")?;
                meaning.alphabet = Some(Alphabet::from_json(&manifest.verified(file)?)?);
            }
            ModelKind::Softmax
            | ModelKind::Sigmoid
            | ModelKind::Detector
            | ModelKind::Phrase
            | ModelKind::Llm
            | ModelKind::Other => {
                let file = manifest.require(&files.labels, "files.labels")?;
                meaning.taxonomy = Taxonomy::from_json(&manifest.verified(file)?)?;
            }
        }
        Ok(meaning)
    }

    /// Returns how many things the model tells apart, once its graph was found to answer so many numbers.
    fn classes(&self, manifest: &Manifest, outputs: usize) -> Result<usize, VersionError> {
        match &self.alphabet {
            Some(_) if !outputs.is_multiple_of(2) => Err(VersionError::Odd(manifest.name.clone())),
            Some(alphabet) => Ok(alphabet.symbols()),
            None if manifest.kind == ModelKind::Lines => Ok(1),
            None => {
                let classes = classes_of(manifest, &self.taxonomy, outputs);
                self.taxonomy.expect_classes(classes)?;
                Ok(classes)
            }
        }
    }
}

/// Reads what phrases are cut into, where the model takes phrases.
fn pieces(manifest: &Manifest) -> Result<Option<Pieces>, VersionError> {
    if manifest.kind != ModelKind::Phrase {
        return Ok(None);
    }
    let file = manifest.require(&manifest.files.pieces, "files.pieces")?;
    let pieces = Pieces::from_json(&manifest.verified(file)?).map_err(VersionError::Pieces)?;
    Ok(Some(pieces))
}

/// Returns how many of the numbers that a graph puts out are scores. An embedding follows them.
fn scores_of(manifest: &Manifest, outputs: usize) -> Result<usize, ModelError> {
    let dimension = manifest
        .embedding
        .map_or(0, |embedding| embedding.dimension as usize);
    outputs
        .checked_sub(dimension)
        .ok_or_else(|| ModelError::Value {
            path: manifest.folder.join("manifest.toml"),
            what: "embedding.dimension is larger than all that the graph puts out",
        })
}

/// Returns how many classes a graph tells apart by its outputs. A detector's are boxes, each with coordinates before the
/// classes.
fn classes_of(manifest: &Manifest, taxonomy: &Taxonomy, outputs: usize) -> usize {
    let known = taxonomy.classes.len();
    let is_of_boxes = outputs > 0 && outputs.is_multiple_of(COORDINATES + known);
    match manifest.kind {
        ModelKind::Detector if is_of_boxes => known,
        _ => outputs,
    }
}

/// What is looked for has to be what the model can tell.
fn expect_fitting(manifest: &Manifest, taxonomy: &Taxonomy) -> Result<(), TaxonomyError> {
    let is_detector = manifest.kind == ModelKind::Detector;
    let knows_people = taxonomy.classes.iter().any(|class| class.name == PERSON);
    let labels = match manifest.looks_for {
        Some(Subject::People | Subject::Faces) if !(is_detector && knows_people) => {
            "while it takes a detector with the label `person`"
        }
        Some(Subject::Safety | Subject::Text) if is_detector => {
            "while it takes labels without boxes"
        }
        _ => return Ok(()),
    };
    Err(TaxonomyError::Unfit {
        what: manifest.looks_for.map_or("", Subject::name),
        kind: manifest.kind.name(),
        labels,
    })
}

fn info(manifest: Manifest, classes: usize) -> Result<ModelInfo, ModelError> {
    let tile = manifest.require(&manifest.input, "[input]")?.tile;
    Ok(ModelInfo {
        id: ModelId {
            name: manifest.name,
            version: manifest.version,
        },
        kind: manifest.kind,
        looks_for: manifest.looks_for,
        licence: manifest.licence,
        source: manifest.source,
        tile,
        default_limit: manifest.default_limit,
        default_threshold: manifest.default_threshold,
        classes: classes as u32,
        embedding: manifest.embedding.map(|embedding| embedding.dimension),
    })
}
