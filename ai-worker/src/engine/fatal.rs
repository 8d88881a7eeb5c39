//! How an engine that is beyond help ends the worker, whose jobs then go to
//! another one.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use common::shutdown::Shutdown;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineFailure {
    #[error("the engine panicked")]
    Panicked,
    #[error("a batch has been running for {0:?}")]
    Hung(Duration),
    #[error("not even one image fits into memory: {0}")]
    OutOfMemory(String),
    #[error("the device failed: {0}")]
    Device(String),
}

/// Rings once; whoever listens learns the first reason.
#[derive(Clone, Debug, Default)]
pub struct FatalSignal {
    reason: Arc<OnceLock<EngineFailure>>,
    rung: Shutdown,
}

impl FatalSignal {
    pub fn set(&self, breakdown: EngineFailure) {
        let _ = self.reason.set(breakdown);
        self.rung.cancel();
    }

    pub async fn wait(&self) -> EngineFailure {
        self.rung.cancelled().await;
        self.reason
            .get()
            .cloned()
            .unwrap_or(EngineFailure::Panicked)
    }

    pub fn is_set(&self) -> bool {
        self.rung.is_cancelled()
    }
}
