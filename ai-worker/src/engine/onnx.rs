//! One ONNX Runtime session.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use common::model::{Manifest, ModelError, TileSpec};
use ort::{
    environment::Environment,
    inputs,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};
use tempfile::TempDir;

use super::{
    Device, Engine, EngineError,
    bound::Bound,
    device::Shapes,
    placement::{self, Misplaced},
};
use crate::batch::Sizes;

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("ONNX Runtime cannot be loaded from {path}: {cause} (run `tagfleet models`)")]
    Library { path: String, cause: String },
    #[error("model {name} cannot be loaded on {device}: {cause}")]
    Graph { name: String, device: Device, cause: String },
    #[error("model {name} does not run on {device}: {cause}")]
    Misplaced { name: String, device: Device, cause: Misplaced },
}

/// How a session runs its graph.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub device: Device,
    /// Threads of one run on a CPU. A session of one thread for each core was
    /// measured faster than one session across all cores (`make bench-worker`).
    pub threads: usize,
    pub sizes: Sizes,
}

impl Setting {
    pub fn cpu(threads: usize, max_batch: usize) -> Self {
        Self { device: Device::Cpu, threads, sizes: Sizes::any(max_batch) }
    }
}

/// What the first runs of a session told.
#[derive(Clone, Debug)]
pub struct WarmUp {
    pub classes: usize,
    /// What a run took, by the number of its images.
    pub seconds: Vec<(usize, f64)>,
}

pub struct Onnx {
    session: Session,
    input: String,
    output: String,
    tile: TileSpec,
    /// Pixels of several images, one behind the other.
    joined: Vec<u8>,
    bound: Option<Bound>,
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
        let builder = builder.with_name("tagfleet").with_logger(Arc::new(log));
        let environment = builder.build().map_err(|error| failed(error.to_string()))?;
        Ok(one.insert(environment).clone())
    }

    /// Loads the graph, and makes sure that the device does the work.
    pub fn load(
        environment: &Environment,
        manifest: &Manifest,
        graph: &[u8],
        setting: Setting,
    ) -> Result<Self, LoadError> {
        let input = manifest.require(&manifest.input, "[input]")?;
        let (name, device) = (manifest.name.clone(), setting.device);
        let failed = |cause: String| LoadError::Graph { name: name.clone(), device, cause };
        // Only a GPU can be stood in for in silence.
        let profile = device.is_gpu().then(tempfile::tempdir).transpose().map_err(|error| failed(error.to_string()))?;
        let shapes = Shapes::of(input, setting.sizes.max());
        let session = open(environment, graph, setting, &shapes, profile.as_ref().map(TempDir::path));
        let session = session.map_err(|error| failed(error.to_string()))?;
        let has_input = session.inputs().iter().any(|outlet| outlet.name() == input.name);
        let has_output = session.outputs().iter().any(|outlet| outlet.name() == input.output);
        if !has_input || !has_output {
            return Err(failed(format!("it has no input `{}` or no output `{}`", input.name, input.output)));
        }
        let (input, output, tile) = (input.name.clone(), input.output.clone(), input.tile);
        let mut onnx = Self { session, input, output, tile, joined: Vec::new(), bound: None };
        if device.is_gpu() {
            onnx.verify_placement(device).map_err(|cause| LoadError::Misplaced {
                name: name.clone(),
                device,
                cause,
            })?;
            onnx.bind(setting).map_err(|error| failed(error.to_string()))?;
        }
        Ok(onnx)
    }

    /// Runs every size that `sizes` wants warm twice, as the first run of each
    /// allocates and is several times slower than the rest.
    pub fn warm_up(&mut self, sizes: Sizes) -> Result<WarmUp, EngineError> {
        let blank = vec![127; self.image_bytes()];
        let mut warm_up = WarmUp { classes: 0, seconds: Vec::new() };
        for n in sizes.warm() {
            let images = vec![blank.as_slice(); n];
            let scores = self.infer(&images)?;
            warm_up.classes = scores.len() / n;
            let started = Instant::now();
            self.infer(&images)?;
            warm_up.seconds.push((n, started.elapsed().as_secs_f64()));
        }
        Ok(warm_up)
    }

    fn verify_placement(&mut self, device: Device) -> Result<(), Misplaced> {
        let unreadable = |error: String| Misplaced::Profile(error);
        self.infer(&[&vec![127; self.image_bytes()]]).map_err(|error| unreadable(error.to_string()))?;
        let profile = self.session.end_profiling().map_err(|error| unreadable(error.to_string()))?;
        placement::verify(Path::new(&profile), device)
    }

    fn bind(&mut self, setting: Setting) -> ort::Result<()> {
        let names = (self.input.as_str(), self.output.as_str());
        self.bound = Some(Bound::new(&self.session, names, self.shape(), setting)?);
        Ok(())
    }

    fn shape(&self) -> [usize; 3] {
        [usize::from(self.tile.height), usize::from(self.tile.width), 3]
    }

    fn image_bytes(&self) -> usize {
        self.shape().iter().product()
    }

    fn run(&mut self, images: &[&[u8]]) -> ort::Result<Vec<f32>> {
        if let Some(bound) = &mut self.bound {
            return bound.run(&mut self.session, images);
        }
        let [height, width, channels] = self.shape();
        let pixels = match images {
            [only] => *only,
            images => {
                self.joined.clear();
                images.iter().for_each(|image| self.joined.extend_from_slice(image));
                &self.joined
            }
        };
        let input = TensorRef::from_array_view(([images.len(), height, width, channels], pixels))?;
        let outputs = self.session.run(inputs![self.input.as_str() => input])?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(scores.to_vec())
    }
}

impl Engine for Onnx {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        self.run(images).map_err(|error| EngineError::of_runtime(error.to_string()))
    }
}

/// What it says at an error is in the error as well, which is told where it is handled.
fn log(level: LogLevel, _: &str, _: &str, at: &str, message: &str) {
    match level {
        LogLevel::Fatal => tracing::error!(at, message, "ONNX Runtime"),
        _ => tracing::debug!(?level, at, message, "ONNX Runtime"),
    }
}

fn open(
    environment: &Environment,
    graph: &[u8],
    setting: Setting,
    shapes: &Shapes,
    profile: Option<&Path>,
) -> ort::Result<Session> {
    let mut builder = Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(setting.threads)?
        .with_inter_threads(1)?
        .with_execution_providers(setting.device.providers(shapes))?;
    if let Some(folder) = profile {
        builder = builder.with_profiling(folder.join("run"))?;
    }
    builder.commit_from_memory(graph)
}

#[cfg(test)]
mod tests;
