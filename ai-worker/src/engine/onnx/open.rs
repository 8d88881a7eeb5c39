//! How a session is opened, and why it cannot be.

use std::path::Path;

use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
};

use super::{LoadError, Setting};
use crate::engine::{
    device::{Device, Shapes},
    placement::Misplaced,
};

/// What the sessions of one model are opened from.
#[derive(Clone, Copy)]
pub struct GraphFile<'a> {
    pub environment: &'a Environment,
    pub graph: &'a [u8],
    pub setting: Setting,
}

impl GraphFile<'_> {
    pub fn open(&self, shapes: &Shapes, profile: Option<&Path>) -> ort::Result<Session> {
        let setting = self.setting;
        let mut builder = Session::builder(self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(setting.threads)?
            .with_inter_threads(1)?
            .with_execution_providers(setting.device.providers(setting.numbers, shapes))?;
        if let Some(folder) = profile {
            builder = builder.with_profiling(folder.join("run"))?;
        }
        builder.commit_from_memory(self.graph)
    }
}

/// Why the sessions of a model cannot be opened.
pub enum OpenError {
    Graph(String),
    Misplaced(Misplaced),
}

impl OpenError {
    /// Names the model and the device.
    pub fn told(self, name: String, device: Device) -> LoadError {
        match self {
            OpenError::Graph(cause) => LoadError::Graph {
                name,
                device,
                cause,
            },
            OpenError::Misplaced(cause) => LoadError::Misplaced {
                name,
                device,
                cause,
            },
        }
    }
}

impl From<Misplaced> for OpenError {
    fn from(cause: Misplaced) -> Self {
        OpenError::Misplaced(cause)
    }
}

impl<T> From<ort::Error<T>> for OpenError {
    fn from(error: ort::Error<T>) -> Self {
        OpenError::Graph(error.to_string())
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        OpenError::Graph(error.to_string())
    }
}
