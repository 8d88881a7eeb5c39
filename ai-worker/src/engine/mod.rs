//! The model behind its one true boundary: a small synchronous trait that an
//! OS thread calls. ONNX Runtime is used in this folder alone.

mod device;
mod fake;
mod fatal;
mod onnx;
mod panicking;
mod pinned;
mod placement;
mod precision;
mod runtime_error;
mod watchdog;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

pub use batching::Sizes;
pub use device::Device;
pub use fake::{CLASSES, Kind, Pretence, UnknownEngine};
pub use fatal::{EngineFailure, FatalSignal};
pub use onnx::{LoadError, Onnx, Setting, WarmUp};
pub use ort::environment::Environment;
pub use panicking::excuse_this_thread;
pub use pinned::Pinned;
pub use precision::Precision;
pub use watchdog::Watchdog;

/// What a graph counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    Fp32,
    Fp16,
    Int8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Fewer images may fit.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// Whatever is run on it next may fail as well.
    #[error("the device failed: {0}")]
    Device(String),
    #[error("{0}")]
    Failed(String),
}

pub trait Engine: Send + 'static {
    /// Scores images: they are `[height, width, 3] u8` each, the answer is `[n, classes] f32`.
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError>;
}

/// The engines of one version of one model, one for each engine thread: whichever thread
/// gets a batch for it takes one. So there is always one left.
pub struct Engines {
    idle: Mutex<Vec<Box<dyn Engine>>>,
}

impl Engines {
    pub fn new(engines: Vec<Box<dyn Engine>>) -> Self {
        Self {
            idle: Mutex::new(engines),
        }
    }

    pub fn take(&self) -> Option<Box<dyn Engine>> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    pub fn put_back(&self, engine: Box<dyn Engine>) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(engine);
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engines")
    }
}
