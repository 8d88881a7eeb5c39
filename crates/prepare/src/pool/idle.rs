//! The decoders that wait for files, and those that take the place of lost ones.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};

use super::{Inner, PoolConfig, decoder::Decoder};
use crate::metrics::DECODERS_LOST;

/// Between tries to start a process.
const RETRY: Duration = Duration::from_secs(5);

impl Inner {
    pub(super) fn lost(self: &Arc<Self>, lost: Decoder, why: &'static str) {
        metrics::counter!(DECODERS_LOST, "why" => why).increment(1);
        self.replace(lost);
    }

    pub(super) fn replace(self: &Arc<Self>, old: Decoder) {
        drop(old);
        tokio::spawn(start_another(Arc::downgrade(self)));
    }

    /// There may be enough already, where one was started for a file that could not wait.
    fn add(&self, decoder: Decoder) {
        let mut idle = self.idle();
        if idle.len() < self.config.most_idle() {
            idle.push_back(decoder);
        }
    }

    /// One that is idle and well, or a new one.
    pub(super) async fn take(&self) -> io::Result<Decoder> {
        let program = &self.config.program;
        while let Some(mut decoder) = self.pop_idle() {
            if decoder.is_well() && decoder.until_ready(program).await.is_ok() {
                return Ok(decoder);
            }
        }
        let mut decoder = start_aside(self.config.clone()).await?;
        decoder.until_ready(program).await?;
        Ok(decoder)
    }

    fn pop_idle(&self) -> Option<Decoder> {
        self.idle().pop_front()
    }

    pub(super) fn idle(&self) -> MutexGuard<'_, VecDeque<Decoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Beside the async threads: to start a process takes milliseconds.
async fn start_aside(config: PoolConfig) -> io::Result<Decoder> {
    spawn_blocking(move || Decoder::start(&config))
        .await
        .map_err(io::Error::other)?
}

/// Tries until it has succeeded, or nobody needs it any more.
async fn start_another(pool: Weak<Inner>) {
    while let Some(inner) = pool.upgrade() {
        match start_aside(inner.config.clone()).await {
            Ok(decoder) => return inner.add(decoder),
            Err(error) => tracing::error!(%error, "a decoding process cannot be replaced"),
        }
        drop(inner);
        sleep(RETRY).await;
    }
}
