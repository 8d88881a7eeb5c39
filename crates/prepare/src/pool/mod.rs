//! A few processes that decode. Bounded: what does not fit is refused. A file
//! that hangs, panics, or kills its decoder costs one job, and one that takes
//! long steps aside, so that the others get their turns.

mod believe;
mod decoder;
mod idle;
mod meter;
mod pace;
mod turn;
mod verdict;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use common::{
    budget::Budget,
    fault::{Code, Fault},
    image::DecoderImpact,
    model::TileSpec,
    process::ReaderProgram,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use crate::{Limits, Prepared, fault};
use decoder::Decoder;

#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The program that, with the argument `prepare-worker`, calls [`crate::child::run`].
    pub program: ReaderProgram,
    pub processes: usize,
    pub niceness: Niceness,
    /// Files that may wait for a process.
    pub queue: usize,
    /// Longest decode of one file, in time of the processor. The clock decides only where a decoder stands still, or gets
    /// hardly any of the processor.
    pub timeout: Duration,
    pub limits: Limits,
    /// Largest file, to know what memory a process needs.
    pub max_file_bytes: usize,
    /// The memory for tiles that stay pixels; a tile for which it has no room becomes a JPEG. None: all do, as a broker wants
    /// them.
    pub pixels: Option<Budget>,
}

/// How far processes let others go before, 0 to 19: what else is done on the same machine, each other, and the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Niceness {
    pub usual: i32,
    /// The same where a file is slow.
    pub aside: i32,
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
    /// For each file that is decoded, until it is done or known to be slow.
    turns: Arc<Semaphore>,
    /// For each file that is decoded, slow, and so without a turn.
    aside: Semaphore,
    /// For each of those that may go on until the longest decode.
    slow: Semaphore,
    /// Those that decoded before stand in front.
    idle: Mutex<VecDeque<Decoder>>,
}

type Response = Result<Prepared, Fault>;

impl Pool {
    /// Starts the processes, so that a program that cannot do it is known now.
    pub fn start(config: PoolConfig) -> std::io::Result<Self> {
        let idle: io::Result<_> = (0..config.most_idle())
            .map(|_| Decoder::start(&config))
            .collect();
        Ok(Self(Kind::Processes(Arc::new(Inner {
            aside: Semaphore::new(2 * config.slow_places()),
            slow: Semaphore::new(config.slow_places()),
            places: Arc::new(Semaphore::new(config.processes + config.queue)),
            turns: Arc::new(Semaphore::new(config.processes)),
            idle: Mutex::new(idle?),
            config,
        }))))
    }

    /// Waits for the first process to take files. Where it cannot confine itself, the others cannot either.
    pub async fn until_ready(&self) -> io::Result<()> {
        if let Kind::Processes(inner) = &self.0 {
            let decoder = inner.take().await?;
            inner.idle().push_front(decoder);
        }
        Ok(())
    }

    /// Takes every file for a tile that is ready, unseen. For measuring what is around decoding, never for strangers' files.
    pub fn of_tiles_as_they_come() -> Self {
        Self(Kind::AsTheyCome)
    }

    /// The tile of `file`, waiting until `deadline`. A file whose caller has left before its turn is not begun;
    /// one that was begun is finished, since ending its process would cost the next one more, and `seen` is told of it
    /// even then. It is told of no file that nobody looked at.
    pub async fn tile(
        &self,
        file: Bytes,
        spec: TileSpec,
        deadline: Instant,
        seen: impl FnOnce(DecoderImpact) + Send + 'static,
    ) -> Response {
        self.tiles(file, vec![spec], deadline, seen).await
    }

    /// The same for several models at once: the file is decoded for all of them together. `specs` is not empty.
    pub async fn tiles(
        &self,
        file: Bytes,
        specs: Vec<TileSpec>,
        deadline: Instant,
        seen: impl FnOnce(DecoderImpact) + Send + 'static,
    ) -> Response {
        match &self.0 {
            Kind::Processes(inner) => inner.tiles(file, specs, deadline, seen).await,
            Kind::AsTheyCome => {
                seen(DecoderImpact::Harmless);
                crate::as_it_came(&file, &specs)
            }
        }
    }
}

impl PoolConfig {
    /// Slow files that go on beside those that have turns.
    fn slow_places(&self) -> usize {
        (self.processes / 4).max(2)
    }

    /// Twice as many as have turns: slow files keep theirs from the others, and where some are lost, the next files need
    /// not wait until others have started.
    fn most_idle(&self) -> usize {
        self.processes + self.processes.max(2)
    }
}

impl Inner {
    async fn tiles(
        self: &Arc<Self>,
        file: Bytes,
        specs: Vec<TileSpec>,
        deadline: Instant,
        seen: impl FnOnce(DecoderImpact) + Send + 'static,
    ) -> Response {
        let late = || {
            fault(
                Code::DeadlineExceeded,
                "The time was over before the image was decoded.",
            )
        };
        // Its place in the line is for somebody who still waits.
        if Instant::now() >= deadline {
            return Err(late());
        }
        let full = |_| fault(Code::Overloaded, "Too many images wait to be decoded.");
        let place = self.places.clone().try_acquire_owned().map_err(full)?;
        let turn = timeout_at(deadline, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| late())?;
        let turn = turn.expect("the semaphore is never closed");
        let inner = self.clone();
        let work = tokio::spawn(async move {
            let (response, impact) = inner.decode(file, specs, turn).await;
            drop(place);
            if let Some(impact) = impact {
                seen(impact);
            }
            response
        });
        let ended = timeout_at(deadline, work).await.map_err(|_| late())?;
        ended.unwrap_or_else(|error| Err(internal(error)))
    }
}

fn internal(error: impl std::fmt::Display) -> Fault {
    tracing::error!(%error, "no decoding process could be used");
    fault(Code::Internal, "The image could not be given to a decoder.")
}
