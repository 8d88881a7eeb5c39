//! The models that a worker serves, each in its present version, and how a
//! newer version takes its place.

mod canary;
pub mod fake;
mod load;
mod reload;
mod served;
mod source;
mod trial;

use std::sync::Arc;

use common::wire::ModelInfo;
pub use load::{Loaded, Loader, VersionError};
pub use reload::Reloader;
pub use served::{Served, Version};
pub use source::Source;

/// All that a worker serves. The first is its default.
#[derive(Debug)]
pub struct Models {
    served: Vec<Arc<Served>>,
}

impl Models {
    pub fn new(served: Vec<Arc<Served>>) -> Self {
        Self { served }
    }

    pub fn find(&self, name: &str) -> Option<&Served> {
        self.served
            .iter()
            .map(Arc::as_ref)
            .find(|served| served.name() == name)
    }

    pub fn all(&self) -> &[Arc<Served>] {
        &self.served
    }

    pub fn names(&self) -> String {
        self.served
            .iter()
            .map(|served| served.name())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What is announced of them now.
    pub fn infos(&self) -> Vec<ModelInfo> {
        self.served
            .iter()
            .map(|served| served.stable().tagger.model.clone())
            .collect()
    }
}
