use std::{sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;

use crate::{
    FetchConfig,
    exchange::Settings,
    guard::Guard,
    resolver::{Lookup, Names, SystemLookup},
};

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

impl World {
    /// Returns how its hosts are found and spoken to.
    pub(crate) fn settings(self, config: &FetchConfig) -> Result<Settings, reqwest::Error> {
        let connect = Duration::from_millis(config.fetch_connect_timeout_ms);
        let longest_ttl = Duration::from_millis(config.fetch_dns_max_ttl_ms);
        let roots = self.extra_roots.iter();
        Ok(Settings {
            // So that a look-up at its slowest leaves time to connect, and is remembered as slow.
            names: Names::new(self.names, connect * 3 / 4, longest_ttl),
            guard: Arc::new(Guard::new(config.fetch_refuse_nets.clone())),
            roots: roots
                .map(|der| reqwest::Certificate::from_der(der))
                .collect::<Result<_, _>>()?,
            contact: config.fetch_contact.clone(),
            connect,
            first_byte: config.first_byte(),
        })
    }
}
