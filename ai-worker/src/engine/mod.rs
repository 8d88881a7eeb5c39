//! The model behind its one true boundary: a small synchronous trait that an
//! OS thread of its own calls. ONNX Runtime is used in `onnx.rs` alone.

mod lanes;
mod onnx;

pub use lanes::Lanes;
pub use onnx::{LoadError, Onnx};
pub use ort::environment::Environment;

#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(pub String);

pub trait Engine: Send + 'static {
    /// `pixels` is `[n, height, width, 3] u8`; answers `[n, classes] f32`.
    fn infer(&mut self, pixels: &[u8], n: usize) -> Result<Vec<f32>, EngineError>;
}
