//! A few processes that decode. Bounded: what does not fit is refused. A file
//! that hangs, panics, or kills its decoder costs one job, and one that takes
//! long steps aside, so that the others get their turns.

mod believe;
mod decoder;
mod meter;
mod pace;

use std::{
    collections::VecDeque,
    io,
    pin::pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    image::DecoderImpact,
    model::TileSpec,
    process::ReaderProgram,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    Limits, Prepared, fault,
    metrics::{DECODERS_LOST, count_refused},
    protocol::{Decoded, Reply},
};
use decoder::Decoder;
use meter::Meter;

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

/// Multiples of the longest decode for which a decoder may stand still.
const STILL: u32 = 2;

/// The same for a decode by the clock. Others may take the processor for so long, and it is no file's fault.
const BY_THE_CLOCK: u32 = 10;

/// So many times what is brisk, and it is ended unless it is one of the few that may be slow.
const PATIENCE: u32 = 3;

type Response = Result<Prepared, Fault>;

/// Between tries to start a process.
const RETRY: Duration = Duration::from_secs(5);

/// How a file left its decoder.
enum Ended {
    Answered {
        reply: Reply,
        slow: bool,
    },
    Died(io::Error),
    TooSlow,
    /// It is slow, and as many are as may be.
    Crowded,
    /// Others take the processor.
    Starved,
}

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

    /// Tells no impact where nobody looked at the file.
    async fn decode(
        self: &Arc<Self>,
        file: Bytes,
        specs: Vec<TileSpec>,
        turn: OwnedSemaphorePermit,
    ) -> (Response, Option<DecoderImpact>) {
        let mut decoder = match self.take().await {
            Ok(decoder) => decoder,
            Err(error) => return (Err(internal(error)), None),
        };
        let (response, impact) = match self.ask(&mut decoder, &file, &specs, turn).await {
            Ended::Answered { reply, slow } => {
                if slow || decoder.is_worn() {
                    self.replace(decoder);
                } else {
                    self.idle().push_front(decoder);
                }
                match reply {
                    Reply::Done(decoded) => {
                        let response = self.finish(file, specs, decoded).await;
                        (response, DecoderImpact::Harmless)
                    }
                    Reply::Panicked => (
                        Err(undecodable()),
                        DecoderImpact::Costly(Code::ImageInvalid),
                    ),
                }
            }
            Ended::Died(error) => {
                self.lost(decoder, "died");
                tracing::warn!(%error, bytes = file.len(), "a decoding process died of a file");
                (Err(undecodable()), DecoderImpact::Fatal(Code::ImageInvalid))
            }
            Ended::TooSlow => {
                self.lost(decoder, "too_slow");
                let fault = fault(Code::DecodeTimeout, "Decoding the image took too long.");
                (Err(fault), DecoderImpact::Fatal(Code::DecodeTimeout))
            }
            Ended::Starved => {
                self.lost(decoder, "starved");
                let detail =
                    "Decoding the image takes long, since too much else is done beside it.";
                return (Err(fault(Code::Overloaded, detail)), None);
            }
            Ended::Crowded => {
                self.lost(decoder, "crowded");
                let detail =
                    "Decoding the image takes long, and that of too many others does, too.";
                (
                    Err(fault(Code::Overloaded, detail)),
                    DecoderImpact::Costly(Code::DecodeTimeout),
                )
            }
        };
        (response, Some(impact))
    }

    /// Beside the async threads: it takes half a millisecond, and a large file has to be hashed.
    async fn finish(&self, file: Bytes, specs: Vec<TileSpec>, decoded: Decoded) -> Response {
        let picture = decoded.inspect_err(count_refused)?;
        let limits = self.config.limits;
        let work = spawn_blocking(move || crate::finish(&file, &picture, &specs, &limits));
        work.await.map_err(internal)?
    }

    /// A file that takes long gives its turn back and lets the others go first: a few that hang would else leave none to
    /// the others.
    async fn ask(
        &self,
        decoder: &mut Decoder,
        file: &[u8],
        specs: &[TileSpec],
        turn: OwnedSemaphorePermit,
    ) -> Ended {
        let meter = decoder.meter();
        let pid = decoder.pid();
        let longest = pace::longest(file, self.config.timeout);
        let brisk = pace::brisk(file);
        let mut answer = pin!(decoder.ask(file, specs, self.config.limits));
        let mut end = pin!(end(&meter, longest));
        tokio::select! {
            // First of all: while this server stood still itself, the answer may have come and the time be over.
            biased;
            answered = &mut answer => return Ended::of(answered, false),
            ended = &mut end => return ended,
            () = meter.exceeds(brisk.min(longest)) => {}
        }
        let Ok(_aside) = self.aside.try_acquire() else {
            return Ended::Crowded;
        };
        drop(turn);
        decoder::give_way(pid, self.config.niceness.aside);
        let _slow = tokio::select! {
            biased;
            answered = &mut answer => return Ended::of(answered, true),
            ended = &mut end => return ended,
            place = self.slow.acquire() => place.expect("the semaphore is never closed"),
            () = meter.exceeds((brisk * PATIENCE).min(longest)) => return Ended::Crowded,
        };
        tokio::select! {
            biased;
            answered = answer => Ended::of(answered, true),
            ended = end => ended,
        }
    }

    fn lost(self: &Arc<Self>, lost: Decoder, why: &'static str) {
        metrics::counter!(DECODERS_LOST, "why" => why).increment(1);
        self.replace(lost);
    }

    fn replace(self: &Arc<Self>, old: Decoder) {
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
    async fn take(&self) -> io::Result<Decoder> {
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

    fn idle(&self) -> std::sync::MutexGuard<'_, VecDeque<Decoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    fn of(answered: io::Result<Reply>, slow: bool) -> Self {
        match answered {
            Ok(reply) => Self::Answered { reply, slow },
            Err(error) => Self::Died(error),
        }
    }
}

/// Waits until a decode has to be ended that may take `longest` of the processor.
async fn end(meter: &Meter, longest: Duration) -> Ended {
    tokio::select! {
        () = meter.exceeds(longest) => Ended::TooSlow,
        () = meter.stands_still(longest * STILL) => Ended::TooSlow,
        () = sleep(longest * BY_THE_CLOCK) => Ended::Starved,
    }
}

fn undecodable() -> Fault {
    fault(Code::ImageInvalid, "The image cannot be decoded.")
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

fn internal(error: impl std::fmt::Display) -> Fault {
    tracing::error!(%error, "no decoding process could be used");
    fault(Code::Internal, "The image could not be given to a decoder.")
}
