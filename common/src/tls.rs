//! TLS: the provider that a process needs before its first connection, and authorities of one's own.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Installs ring rather than aws-lc, which takes minutes to build. A provider that is there already stays.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads certificates in PEM, where there is a file of them.
pub fn authorities(file: Option<&Path>) -> io::Result<Option<String>> {
    file.map(fs::read_to_string).transpose()
}

/// Trusts the machine's authorities, and those of `file`.
pub fn client(file: Option<&Path>) -> io::Result<Arc<ClientConfig>> {
    install_provider();
    let mut trusted = RootCertStore::empty();
    let machines = rustls_native_certs::load_native_certs();
    trusted.add_parsable_certificates(machines.certs);
    for error in machines.errors {
        tracing::warn!(%error, "some of the machine's authorities cannot be read");
    }
    if let Some(pem) = authorities(file)? {
        trust(&mut trusted, &pem)?;
    }
    if trusted.is_empty() {
        return Err(io::Error::other(
            "this machine knows no authority, and no file names one",
        ));
    }
    let config = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A bundle may hold certificates that are too odd to be used. They harm nobody, as long as there are others.
fn trust(trusted: &mut RootCertStore, pem: &str) -> io::Result<()> {
    let named: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let (added, ignored) = trusted.add_parsable_certificates(named.map_err(io::Error::other)?);
    if ignored > 0 {
        tracing::warn!(
            added,
            ignored,
            "some of the authorities in the file cannot be used"
        );
    }
    match added {
        0 => Err(io::Error::other(
            "it holds no certificate in PEM that can be used",
        )),
        _ => Ok(()),
    }
}
