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
    Device, Engine, EngineError, Numbers,
    device::Shapes,
    pinned::Pinned,
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
    Graph {
        name: String,
        device: Device,
        cause: String,
    },
    #[error("model {name} does not run on {device}: {cause}")]
    Misplaced {
        name: String,
        device: Device,
        cause: Misplaced,
    },
}

/// How a session runs its graph.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub device: Device,
    /// What its graph counts in.
    pub numbers: Numbers,
    /// Threads of one run on a CPU. A session of one thread for each core was
    /// measured faster than one session across all cores (`make bench-worker`).
    pub threads: usize,
    pub sizes: Sizes,
}

impl Setting {
    pub fn cpu(threads: usize, max_batch: usize) -> Self {
        Self {
            device: Device::Cpu,
            numbers: Numbers::Fp32,
            threads,
            sizes: Sizes::any(max_batch),
        }
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
    input: String,
    output: String,
    tile: TileSpec,
    /// Pixels of several images, one behind the other.
    joined: Vec<u8>,
    /// For the smallest batches first.
    parts: Vec<Part>,
}

/// One session, for batches of up to so many images.
struct Part {
    max: usize,
    session: Session,
    /// On a GPU.
    pinned: Option<Pinned>,
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
        let failed = |cause: String| LoadError::Library {
            path: library.display().to_string(),
            cause,
        };
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
        let failed = |cause: String| LoadError::Graph {
            name: name.clone(),
            device,
            cause,
        };
        let (names, tile) = ((input.name.clone(), input.output.clone()), input.tile);
        let mut onnx = Self {
            input: names.0,
            output: names.1,
            tile,
            joined: Vec::new(),
            parts: Vec::new(),
        };
        // Only a GPU can be stood in for in silence.
        let profile = device
            .is_gpu()
            .then(tempfile::tempdir)
            .transpose()
            .map_err(|error| failed(error.to_string()))?;
        let mut profiled = profile.as_ref().map(TempDir::path);
        for sizes in device.sessions(setting.sizes) {
            let max = sizes.iter().copied().max().unwrap_or(1);
            let session = open(
                environment,
                graph,
                setting,
                &Shapes::of(input, max),
                profiled,
            );
            let session = session.map_err(|error| failed(error.to_string()))?;
            onnx.expect_names(&session).map_err(failed)?;
            onnx.parts.push(Part {
                max,
                session,
                pinned: None,
            });
            if profiled.take().is_some() {
                let misplaced = |cause| LoadError::Misplaced {
                    name: name.clone(),
                    device,
                    cause,
                };
                onnx.verify_placement(device).map_err(misplaced)?;
            }
            if device.is_gpu() {
                onnx.pin_last(&sizes, device)
                    .map_err(|error| failed(error.to_string()))?;
            }
        }
        Ok(onnx)
    }

    /// Runs every size that `sizes` wants warm twice, as the first run of each
    /// allocates and is several times slower than the rest.
    pub fn warm_up(&mut self, sizes: Sizes) -> Result<WarmUp, EngineError> {
        let blank = vec![127; self.image_bytes()];
        let mut warm_up = WarmUp {
            classes: 0,
            seconds: Vec::new(),
        };
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

    fn expect_names(&self, session: &Session) -> Result<(), String> {
        let has_input = session
            .inputs()
            .iter()
            .any(|outlet| outlet.name() == self.input);
        let has_output = session
            .outputs()
            .iter()
            .any(|outlet| outlet.name() == self.output);
        let missing = || {
            format!(
                "it has no input `{}` or no output `{}`",
                self.input, self.output
            )
        };
        (has_input && has_output).then_some(()).ok_or_else(missing)
    }

    /// Ends the profile of the first session with one run.
    fn verify_placement(&mut self, device: Device) -> Result<(), Misplaced> {
        let unreadable = |error: String| Misplaced::Profile(error);
        self.infer(&[&vec![127; self.image_bytes()]])
            .map_err(|error| unreadable(error.to_string()))?;
        let profile = self.parts[0]
            .session
            .end_profiling()
            .map_err(|error| unreadable(error.to_string()))?;
        placement::verify(Path::new(&profile), device)
    }

    fn pin_last(&mut self, sizes: &[usize], device: Device) -> ort::Result<()> {
        let (names, shape) = ((self.input.as_str(), self.output.as_str()), self.shape());
        if let Some(part) = self.parts.last_mut() {
            part.pinned = Some(Pinned::new(&part.session, names, shape, sizes, device)?);
        }
        Ok(())
    }

    fn shape(&self) -> [usize; 3] {
        [
            usize::from(self.tile.height),
            usize::from(self.tile.width),
            3,
        ]
    }

    fn image_bytes(&self) -> usize {
        self.shape().iter().product()
    }

    fn run(&mut self, images: &[&[u8]]) -> ort::Result<Vec<f32>> {
        let [height, width, channels] = self.shape();
        let none = || ort::Error::new(format!("no session is for {} images", images.len()));
        let part = self
            .parts
            .iter_mut()
            .find(|part| part.max >= images.len())
            .ok_or_else(none)?;
        if let Some(pinned) = &mut part.pinned {
            return pinned.run(&mut part.session, images);
        }
        let pixels = match images {
            [only] => *only,
            images => {
                self.joined.clear();
                images
                    .iter()
                    .for_each(|image| self.joined.extend_from_slice(image));
                &self.joined
            }
        };
        let input = TensorRef::from_array_view(([images.len(), height, width, channels], pixels))?;
        let outputs = part.session.run(inputs![self.input.as_str() => input])?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(scores.to_vec())
    }
}

impl Engine for Onnx {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        self.run(images)
            .map_err(|error| EngineError::of_runtime(error.to_string()))
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
        .with_execution_providers(setting.device.providers(setting.numbers, shapes))?;
    if let Some(folder) = profile {
        builder = builder.with_profiling(folder.join("run"))?;
    }
    builder.commit_from_memory(graph)
}

#[cfg(test)]
mod tests;
