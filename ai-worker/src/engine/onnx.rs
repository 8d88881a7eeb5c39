//! A model as ONNX Runtime runs it: one session, or several on a GPU.

mod library;
mod open;

use std::{path::Path, time::Instant};

use common::model::{Input, Manifest, ModelError, TileSpec};
use open::{GraphFile, OpenError};
use ort::{environment::Environment, inputs, session::Session, value::TensorRef};
use tempfile::TempDir;

use super::{
    Engine, EngineError, Numbers, Sizes,
    device::{Device, Shapes},
    pinned::Pinned,
    placement::{self, Misplaced},
};

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
    /// The sessions, those for the smallest batches first.
    parts: Vec<Part>,
}

/// One session, for batches of up to so many images.
struct Part {
    max: usize,
    session: Session,
    /// Input that a GPU copies from by itself; a processor has none.
    pinned: Option<Pinned>,
}

impl Onnx {
    /// Loads the shared library. A process has one environment: whoever comes
    /// second gets the first one's.
    pub fn environment(library: &Path) -> Result<Environment, LoadError> {
        library::environment(library).map_err(|cause| LoadError::Library {
            path: library.display().to_string(),
            cause,
        })
    }

    /// Loads the graph, and makes sure that the device does the work.
    pub fn load(
        environment: &Environment,
        manifest: &Manifest,
        graph: &[u8],
        setting: Setting,
    ) -> Result<Self, LoadError> {
        let input = manifest.require(&manifest.input, "[input]")?;
        let device = setting.device;
        let mut onnx = Self {
            input: input.name.clone(),
            output: input.output.clone(),
            tile: input.tile,
            joined: Vec::new(),
            parts: Vec::new(),
        };
        let source = GraphFile {
            environment,
            graph,
            setting,
        };
        onnx.open_parts(source, input)
            .map_err(|error| error.told(manifest.name.clone(), device))?;
        Ok(onnx)
    }

    /// Opens a session for each group of sizes. The first run of the first one is profiled on a GPU, which
    /// alone can be stood in for in silence.
    fn open_parts(&mut self, source: GraphFile, input: &Input) -> Result<(), OpenError> {
        let device = source.setting.device;
        let mut profile = None;
        if device.is_gpu() {
            profile = Some(tempfile::tempdir()?);
        }
        let mut profiled = profile.as_ref().map(TempDir::path);
        for sizes in device.sessions(source.setting.sizes) {
            let max = sizes.iter().copied().max().unwrap_or(1);
            let session = source.open(&Shapes::new(input, max), profiled)?;
            self.expect_names(&session)?;
            self.parts.push(Part {
                max,
                session,
                pinned: None,
            });
            if profiled.take().is_some() {
                self.verify_placement(device)?;
            }
            if device.is_gpu() {
                self.pin_last(&sizes, device)?;
            }
        }
        Ok(())
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

    fn expect_names(&self, session: &Session) -> Result<(), OpenError> {
        let has_input = session
            .inputs()
            .iter()
            .any(|outlet| outlet.name() == self.input);
        let has_output = session
            .outputs()
            .iter()
            .any(|outlet| outlet.name() == self.output);
        if has_input && has_output {
            return Ok(());
        }
        Err(OpenError::Graph(format!(
            "it has no input `{}` or no output `{}`",
            self.input, self.output
        )))
    }

    /// Ends the profile of the first session with one run.
    fn verify_placement(&mut self, device: Device) -> Result<(), Misplaced> {
        self.infer(&[&vec![127; self.image_bytes()]])
            .map_err(|error| Misplaced::Profile(error.to_string()))?;
        let profile = self.parts[0]
            .session
            .end_profiling()
            .map_err(|error| Misplaced::Profile(error.to_string()))?;
        placement::verify(Path::new(&profile), device)
    }

    fn pin_last(&mut self, sizes: &[usize], device: Device) -> ort::Result<()> {
        let names = (self.input.as_str(), self.output.as_str());
        let shape = self.shape();
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
        let Some(part) = self.parts.iter_mut().find(|part| part.max >= images.len()) else {
            let images = images.len();
            return Err(ort::Error::new(format!(
                "no session is for {images} images"
            )));
        };
        if let Some(pinned) = &mut part.pinned {
            return pinned.run(&mut part.session, images);
        }
        let pixels = match images {
            [only] => *only,
            images => {
                join(images, &mut self.joined);
                &self.joined
            }
        };
        let input = TensorRef::from_array_view(([images.len(), height, width, channels], pixels))?;
        let outputs = part.session.run(inputs![self.input.as_str() => input])?;
        let (_, scores) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(scores.to_vec())
    }
}

fn join(images: &[&[u8]], joined: &mut Vec<u8>) {
    joined.clear();
    for image in images {
        joined.extend_from_slice(image);
    }
}

impl Engine for Onnx {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        self.run(images)
            .map_err(|error| EngineError::from_runtime(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
