//! llama.cpp as a shared library that is opened at run time, and the few things
//! of it that captions need, each with Rust's guarantees. All `unsafe` code of
//! the language model stands in this folder.
#![allow(unsafe_code)]

#[cfg(not(feature = "llama-source"))]
mod bindings;
mod context;
mod device;
#[cfg(feature = "llama-source")]
mod linked;
mod log;
mod model;
mod open;
mod sampler;

#[cfg(feature = "llama-source")]
use linked as bindings;

pub use context::{Batch, Context, ContextLimits};
pub use device::Device;
pub use model::{Model, Token};
pub use open::{Library, VERSION};
pub use sampler::Sampler;
