//! TLS needs a process-wide provider before the first connection.

/// Installs ring rather than aws-lc, which takes minutes to build. A provider that is there already stays.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
