//! The models of a worker.

use std::sync::Arc;

use common::{model::ModelKind, wire::ModelInfo};

use super::served::Served;

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

    /// Lists those of a kind, in the order of the setting.
    pub fn of_kind(&self, kind: ModelKind) -> impl Iterator<Item = &Served> {
        let served = self.served.iter().map(Arc::as_ref);
        served.filter(move |served| served.stable().tagger.model.kind == kind)
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

    /// Returns what is announced of them now.
    pub fn infos(&self) -> Vec<ModelInfo> {
        self.served
            .iter()
            .map(|served| served.stable().tagger.model.clone())
            .collect()
    }
}
