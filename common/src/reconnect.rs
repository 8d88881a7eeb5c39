//! What every connection to a server of ours needs: waits between tries that
//! do not bring a whole fleet back in step, TLS, and URLs fit for messages.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A connection that held this long was a good one: start again from `FIRST`.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Backoff {
    tries: u32,
    last: Instant,
}

/// Exponential with full jitter.
impl Backoff {
    pub fn new() -> Self {
        Self {
            tries: 0,
            last: Instant::now(),
        }
    }

    pub async fn wait(&mut self) {
        if self.last.elapsed() > FORGOTTEN_AFTER {
            self.tries = 0;
        }
        let ceiling = FIRST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        self.tries += 1;
        tokio::time::sleep(ceiling.mul_f64(rand::random())).await;
        self.last = Instant::now();
    }
}

/// TLS needs a process-wide provider before the first connection. One that is
/// there already is as good as ours.
pub fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A URL for an error message: the scheme alone, since the rest may hold a password.
pub fn scheme_of(url: &str) -> String {
    url.split_once(':').map_or_else(
        || "no scheme".to_owned(),
        |(scheme, _)| format!("{scheme}:…"),
    )
}
