//! One download from a host, and the file that it brought.

use std::time::Duration;

use common::{fault::Code, image::DecoderImpact};
use tokio::time::Instant;

use super::{breaker::Verdict, circuits::CircuitGuard, places::Place};

/// One download from a host, with its place. Dropped without a verdict, it was
/// given up: the host was too slow for its caller.
#[derive(Debug)]
pub struct Visit {
    guard: CircuitGuard,
    begun: Instant,
    patience: Duration,
    verdict: Option<Verdict>,
    _place: Place,
}

/// A file that a host sent, of which nobody knows yet what it does to a
/// decoder. A host has served once its file was decoded, or else one whose
/// files break decoders would seem to be well each time. Dropped without a
/// verdict, the file was not looked at.
#[derive(Debug)]
pub struct Sent(Option<CircuitGuard>);

impl Visit {
    pub fn new(guard: CircuitGuard, begun: Instant, patience: Duration, place: Place) -> Self {
        Self {
            guard,
            begun,
            patience,
            verdict: None,
            _place: place,
        }
    }

    pub fn end(mut self, verdict: Verdict) {
        self.verdict = Some(verdict);
    }

    /// The place is free; the verdict comes later.
    pub fn brought(mut self) -> Sent {
        self.verdict = Some(Verdict::Pending);
        Sent(Some(self.guard.clone()))
    }

    fn given_up(&self) -> Verdict {
        let waited = self.begun.elapsed() >= self.patience;
        if waited {
            Verdict::Failed(Code::SourceTimeout)
        } else {
            Verdict::Unknown
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let verdict = self.verdict.take().unwrap_or_else(|| self.given_up());
        self.guard.leaves(verdict);
    }
}

impl Sent {
    pub fn decoded(mut self, impact: DecoderImpact) {
        if let Some(guard) = self.0.take() {
            guard.judges(Verdict::on(impact));
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            guard.judges(Verdict::Moved);
        }
    }
}
