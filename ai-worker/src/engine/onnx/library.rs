//! ONNX Runtime's shared library, opened once a process.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ort::{environment::Environment, logging::LogLevel};

/// Returns the process's one environment.
pub fn environment(library: &Path) -> Result<Environment, String> {
    static ONE: Mutex<Option<Environment>> = Mutex::new(None);
    let mut one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*one {
        return Ok(environment.clone());
    }
    let environment = open(library)?;
    Ok(one.insert(environment).clone())
}

fn open(library: &Path) -> Result<Environment, String> {
    let builder = ort::init_from(library).map_err(|error| error.to_string())?;
    builder
        .with_name("tagfleet")
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| error.to_string())
}

/// Passes on what ONNX Runtime says. What it says at an error is in the error as well, which is told where it is handled.
fn log(level: LogLevel, _: &str, _: &str, at: &str, message: &str) {
    match level {
        LogLevel::Fatal => tracing::error!(at, message, "ONNX Runtime"),
        _ => tracing::debug!(?level, at, message, "ONNX Runtime"),
    }
}
