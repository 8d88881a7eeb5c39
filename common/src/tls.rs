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
    trusted.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = authorities(file)? {
        trust(&mut trusted, &pem)?;
    }
    let config = ClientConfig::builder()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn trust(trusted: &mut RootCertStore, pem: &str) -> io::Result<()> {
    let before = trusted.len();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(io::Error::other)?;
        trusted.add(certificate).map_err(io::Error::other)?;
    }
    if trusted.len() == before {
        return Err(io::Error::other("no certificate in PEM is in the file"));
    }
    Ok(())
}
