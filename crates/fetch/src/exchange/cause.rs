//! Why there was no answer, for the operator alone: a client is told the same of all of them, or else it could look about in
//! this network.

use std::{error::Error, io, time::Duration};

use moka::sync::Cache;
use rustls::CertificateError;
use url::Url;

use crate::{metrics::UNREACHABLE, resolver::NotFound};

/// A cause at a host is logged once in so much time.
const LOGGED_EVERY: Duration = Duration::from_secs(60);
const MOST_LOGGED: u64 = 1_000;

/// What was logged of late.
#[derive(Clone, Debug)]
pub struct Causes(Cache<(String, &'static str), ()>);

impl Causes {
    pub fn new() -> Self {
        let logged = Cache::builder()
            .max_capacity(MOST_LOGGED)
            .time_to_live(LOGGED_EVERY)
            .build();
        Self(logged)
    }

    pub fn note(&self, url: &Url, error: &reqwest::Error) {
        let cause = cause(error);
        metrics::counter!(UNREACHABLE, "cause" => cause).increment(1);
        let host = url.host_str().unwrap_or_default();
        let entry = self.0.entry((host.to_owned(), cause)).or_insert(());
        if entry.is_fresh() {
            tracing::info!(host, cause, "an image's host cannot be reached");
        }
    }
}

fn cause(error: &reqwest::Error) -> &'static str {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut found = None;
    while let Some(error) = next {
        // The innermost one that is known says most.
        found = known(error).or(found);
        next = inner(error);
    }
    found.unwrap_or(match (error.is_connect(), error.is_timeout()) {
        (true, true) => "connect_timeout",
        (true, false) => "connect",
        (false, true) => "timeout",
        (false, false) => "no_answer",
    })
}

/// An I/O error hides what it was made of from `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let hidden = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    match hidden {
        Some(hidden) => Some(hidden),
        None => error.source(),
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(NotFound(why)) = error.downcast_ref() {
        return Some(why);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    if error.is::<h2::Error>() {
        return Some("http2");
    }
    of_io(error.downcast_ref::<io::Error>()?.kind())
}

fn of_tls(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(why) = error else {
        return "tls";
    };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "tls_expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "tls_not_yet_valid"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "tls_name"
        }
        CertificateError::UnknownIssuer => "tls_chain",
        CertificateError::Revoked => "tls_revoked",
        _ => "tls_certificate",
    }
}

fn of_io(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some("refused"),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Some("reset"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some("no_route"),
        io::ErrorKind::TimedOut => Some("connect_timeout"),
        io::ErrorKind::UnexpectedEof => Some("closed"),
        _ => None,
    }
}
