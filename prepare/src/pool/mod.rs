//! A few processes that decode. Bounded: what does not fit is refused. A file
//! that hangs, panics, or kills its decoder costs one job.

mod decoder;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    model::TileSpec,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

use crate::{Limits, fault, protocol::Response};
use decoder::Decoder;

#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The program that, with the argument `prepare-worker`, calls [`crate::child::run`].
    pub program: PathBuf,
    pub processes: usize,
    /// Files that may wait for a process.
    pub queue: usize,
    /// Longest decode of one file.
    pub timeout: Duration,
    pub limits: Limits,
    /// Largest file, to know what memory a process needs.
    pub max_file_bytes: usize,
}

#[derive(Clone, Debug)]
pub struct Pool(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Processes(Arc<Inner>),
    AsTheyCome,
}

#[derive(Debug)]
struct Inner {
    config: PoolConfig,
    /// For each file that waits or is decoded.
    places: Arc<Semaphore>,
    /// For each file that is decoded.
    turns: Arc<Semaphore>,
    /// Those that decoded before stand in front.
    idle: Mutex<VecDeque<Decoder>>,
}

/// Processes beyond those that decode at the same time: where one is lost, the
/// next file need not wait until another one has started.
const SPARE: usize = 1;

impl Pool {
    /// Starts the processes, so that a program that cannot do it is known now.
    pub fn start(config: PoolConfig) -> std::io::Result<Self> {
        let idle: std::io::Result<_> = (0..config.processes + SPARE).map(|_| Decoder::start(&config)).collect();
        Ok(Self(Kind::Processes(Arc::new(Inner {
            places: Arc::new(Semaphore::new(config.processes + config.queue)),
            turns: Arc::new(Semaphore::new(config.processes)),
            idle: Mutex::new(idle?),
            config,
        }))))
    }

    /// Takes every file for a tile that is ready, unseen. For measuring what is around decoding, never for strangers' files.
    pub fn of_tiles_as_they_come() -> Self {
        Self(Kind::AsTheyCome)
    }

    /// The tile of `file`, waiting until `deadline`. A file whose caller has left before its turn is not begun;
    /// one that was begun is finished, since ending its process would cost the next one more.
    pub async fn tile(&self, file: Bytes, spec: TileSpec, deadline: Instant) -> Response {
        match &self.0 {
            Kind::Processes(inner) => inner.tile(file, spec, deadline).await,
            Kind::AsTheyCome => crate::as_it_came(&file, spec),
        }
    }
}

impl Inner {
    async fn tile(self: &Arc<Self>, file: Bytes, spec: TileSpec, deadline: Instant) -> Response {
        let late = || fault(Code::DeadlineExceeded, "The time was over before the image was decoded.");
        // Its place in the line is for somebody who still waits.
        if Instant::now() >= deadline {
            return Err(late());
        }
        let full = |_| fault(Code::Overloaded, "Too many images wait to be decoded.");
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let turn = timeout_at(deadline, self.turns.clone().acquire_owned()).await.map_err(|_| late())?;
        let inner = self.clone();
        let work = tokio::spawn(async move {
            let response = inner.decode(file, spec).await;
            drop((turn, place));
            response
        });
        let ended = timeout_at(deadline, work).await.map_err(|_| late())?;
        ended.unwrap_or_else(|error| Err(internal(error)))
    }

    async fn decode(self: &Arc<Self>, file: Bytes, spec: TileSpec) -> Response {
        let mut decoder = self.take().map_err(internal)?;
        match timeout(self.config.timeout, decoder.ask(&file, spec, self.config.limits)).await {
            Ok(Ok(response)) => {
                self.idle().push_front(decoder);
                response
            }
            Ok(Err(error)) => {
                self.replace(decoder, "died");
                tracing::warn!(%error, bytes = file.len(), "a decoding process died of a file");
                Err(fault(Code::ImageInvalid, "The image cannot be decoded."))
            }
            Err(_) => {
                self.replace(decoder, "too_slow");
                Err(fault(Code::DecodeTimeout, "Decoding the image took too long."))
            }
        }
    }

    /// Beside the async threads: to start a process takes milliseconds.
    fn replace(self: &Arc<Self>, lost: Decoder, why: &'static str) {
        metrics::counter!("tagfleet_decoders_lost_total", "why" => why).increment(1);
        drop(lost);
        let inner = self.clone();
        tokio::task::spawn_blocking(move || match Decoder::start(&inner.config) {
            Ok(decoder) => inner.add(decoder),
            Err(error) => tracing::error!(%error, "a decoding process cannot be replaced"),
        });
    }

    /// There may be enough already, where one was started for a file that could not wait.
    fn add(&self, decoder: Decoder) {
        let mut idle = self.idle();
        if idle.len() < self.config.processes + SPARE {
            idle.push_back(decoder);
        }
    }

    /// One that is idle and well, or a new one.
    fn take(&self) -> std::io::Result<Decoder> {
        while let Some(mut decoder) = { self.idle().pop_front() } {
            if decoder.is_alive() {
                return Ok(decoder);
            }
        }
        Decoder::start(&self.config)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Decoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn internal(error: impl std::fmt::Display) -> Fault {
    tracing::error!(%error, "no decoding process could be used");
    fault(Code::Internal, "The image could not be given to a decoder.")
}
