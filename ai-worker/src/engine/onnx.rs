//! One ONNX Runtime session.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use common::model::{Manifest, ModelError, TileSpec};
use ort::{
    environment::Environment,
    inputs,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};

use super::{Engine, EngineError};

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("ONNX Runtime cannot be loaded from {path}: {cause} (run `tagfleet models`)")]
    Library { path: String, cause: String },
    #[error("model {name} cannot be loaded: {cause}")]
    Graph { name: String, cause: String },
}

pub struct Onnx {
    session: Session,
    input: String,
    output: String,
    tile: TileSpec,
}

impl Onnx {
    /// Loads the shared library. A process has one environment: whoever comes
    /// second gets the first one's.
    pub fn environment(library: &Path) -> Result<Environment, LoadError> {
        static ONE: Mutex<Option<Environment>> = Mutex::new(None);
        let mut one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = &*one {
            return Ok(environment.clone());
        }
        let failed = |cause: String| LoadError::Library { path: library.display().to_string(), cause };
        let builder = ort::init_from(library).map_err(|error| failed(error.to_string()))?;
        let environment = builder.with_name("tagfleet").build().map_err(|error| failed(error.to_string()))?;
        Ok(one.insert(environment).clone())
    }

    /// `threads` is the width of one run. On a CPU one session of one thread
    /// for each core was measured faster than one session across all cores
    /// (`make bench-worker` tries both).
    pub fn load(
        environment: &Environment,
        manifest: &Manifest,
        graph: &[u8],
        threads: usize,
    ) -> Result<Self, LoadError> {
        let input = manifest.require(&manifest.input, "[input]")?;
        let failed = |cause: String| LoadError::Graph { name: manifest.name.clone(), cause };
        let session = open(environment, graph, threads).map_err(|error| failed(error.to_string()))?;
        let has_input = session.inputs().iter().any(|outlet| outlet.name() == input.name);
        let has_output = session.outputs().iter().any(|outlet| outlet.name() == input.output);
        if !has_input || !has_output {
            return Err(failed(format!("it has no input `{}` or no output `{}`", input.name, input.output)));
        }
        Ok(Self { session, input: input.name.clone(), output: input.output.clone(), tile: input.tile })
    }

    /// The first run allocates and is several times slower than the rest.
    /// Answers how many classes the model scores.
    pub fn warm_up(&mut self, max_batch: usize) -> Result<usize, EngineError> {
        let size = usize::from(self.tile.width) * usize::from(self.tile.height) * 3;
        let scores = self.infer(&vec![127; size * max_batch], max_batch)?;
        Ok(scores.len() / max_batch)
    }
}

fn open(environment: &Environment, graph: &[u8], threads: usize) -> ort::Result<Session> {
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        .commit_from_memory(graph)
}

impl Engine for Onnx {
    fn infer(&mut self, pixels: &[u8], n: usize) -> Result<Vec<f32>, EngineError> {
        let failed = |error: ort::Error| EngineError(error.to_string());
        let shape = [n, usize::from(self.tile.height), usize::from(self.tile.width), 3];
        let images = TensorRef::from_array_view((shape, pixels)).map_err(failed)?;
        let outputs = self.session.run(inputs![self.input.as_str() => images]).map_err(failed)?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>().map_err(failed)?;
        Ok(scores.to_vec())
    }
}
