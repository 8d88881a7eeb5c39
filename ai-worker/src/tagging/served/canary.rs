//! A newer version answers a share of the jobs before it answers all.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::watch;

use super::Version;
use crate::engine::EngineError;

#[derive(Debug)]
pub struct Canary {
    pub version: Arc<Version>,
    share: f64,
    asked: AtomicU64,
    left: AtomicUsize,
    verdict: watch::Sender<Option<Result<(), EngineError>>>,
}

impl Canary {
    /// Takes `share` of the jobs, until `jobs` of them have gone well.
    pub fn new(version: Arc<Version>, share: f64, jobs: usize) -> Self {
        Self {
            version,
            share,
            asked: AtomicU64::new(0),
            left: AtomicUsize::new(jobs),
            verdict: watch::Sender::new(None),
        }
    }

    /// Returns whether it answers the job that asks.
    pub fn takes(&self) -> bool {
        let before = self.asked.fetch_add(1, Relaxed) as f64;
        ((before + 1.0) * self.share).floor() > (before * self.share).floor()
    }

    pub fn went_well(&self) {
        let left = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if left == Ok(1) {
            self.judge(Ok(()));
        }
    }

    pub fn failed(&self, error: EngineError) {
        self.judge(Err(error));
    }

    /// Waits until it has ended, and says how: well, or with its first error.
    pub async fn verdict(&self) -> Result<(), EngineError> {
        let mut verdict = self.verdict.subscribe();
        // The sender lives as long as this does.
        let judged = verdict.wait_for(Option::is_some).await;
        judged.map_or(Ok(()), |judged| judged.clone().unwrap_or(Ok(())))
    }

    fn judge(&self, how: Result<(), EngineError>) {
        self.verdict.send_if_modified(|verdict| {
            let first = verdict.is_none();
            if first {
                *verdict = Some(how);
            }
            first
        });
    }
}
