use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use crate::resolver::{Lookup, SystemLookup};

/// What lies outside as a test may want it; no setting leads here. By default
/// it is the real one.
#[derive(Clone)]
pub struct World {
    pub names: Arc<dyn Lookup>,
    /// Certificate authorities that are trusted beside the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            names: Arc::new(SystemLookup::default()),
            extra_roots: vec![],
        }
    }
}
