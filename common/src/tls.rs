//! TLS: the provider that a process needs before its first connection, and authorities of one's own.

use std::{fs, io, path::Path};

/// Installs ring rather than aws-lc, which takes minutes to build. A provider that is there already stays.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Reads certificates in PEM, where there is a file of them.
pub fn authorities(file: Option<&Path>) -> io::Result<Option<String>> {
    file.map(fs::read_to_string).transpose()
}
