//! The server's end of one decoding process. Dropped, it ends the process.

use std::{io, time::Duration};

use bytes::Buf;
use common::{
    model::TileSpec,
    process::{Bounds, Reader, ReaderProgram},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
};

use super::{
    PoolConfig,
    believe::believed,
    meter::{Meter, processor_time},
    pace::MOST_TIMES,
};
use crate::{
    Limits,
    protocol::{self, Reply, Request},
};

/// Larger pieces go back to the system as soon as they are freed: a process
/// that met one huge file is as small as before. What a small file needs is
/// kept, or its pages would be taken and given back each time. (The underscore
/// at the end is glibc's.)
const MALLOC: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "4194304"),
    ("MALLOC_TRIM_THRESHOLD_", "8388608"),
];

/// More than an answer has beside its pixels, which then go past the buffer.
const HEAD_BYTES: usize = 1 << 10;

/// So much of a file is in the pipe at once, instead of 64 KiB.
const FILE_PIPE_BYTES: usize = 1 << 20;
/// The same of pixels: those of nearly any tile.
const PIXELS_PIPE_BYTES: usize = 256 << 10;

/// Longest decodes in one life of a process. The kernel ends it after that, even where no server is left to do so.
const DECODES: u32 = 15;

#[derive(Debug)]
pub struct Decoder {
    // Ends the process when dropped.
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    ready: bool,
    /// The time of the processor after which it gets no further file.
    life: Duration,
}

impl Decoder {
    /// Takes milliseconds.
    pub fn start(config: &PoolConfig) -> io::Result<Self> {
        // What is allocated by a header, the file, and as much again for its parts.
        let memory_bytes = config.limits.max_decoded_bytes + 2 * config.max_file_bytes as u64;
        let life = config.timeout.saturating_mul(DECODES);
        let bounds = Bounds {
            memory_bytes,
            processor: life.saturating_add(config.timeout.saturating_mul(2 * MOST_TIMES)),
        };
        let started = config.program.start("prepare-worker", bounds, &MALLOC)?;
        let Reader { process, to, from } = started;
        let niceness = config.niceness.usual;
        if niceness > 0 {
            give_way(process.id(), niceness);
        }
        // Where the system grants less, it takes a few switches more.
        let _ = rustix::pipe::fcntl_setpipe_size(&to, FILE_PIPE_BYTES);
        let _ = rustix::pipe::fcntl_setpipe_size(&from, PIXELS_PIPE_BYTES);
        Ok(Self {
            process,
            requests: to,
            answers: BufReader::with_capacity(HEAD_BYTES, from),
            ready: false,
            life,
        })
    }

    /// Waits until the process takes files. Loading and confining it takes time of the processor, for which no file is
    /// to blame.
    pub async fn until_ready(&mut self, program: &ReaderProgram) -> io::Result<()> {
        if !self.ready {
            program.until_confined(&mut self.answers).await?;
            self.ready = true;
        }
        Ok(())
    }

    /// False once the process has ended or says what nobody asked, for whatever reason: no file that comes later is to
    /// blame.
    pub fn is_well(&mut self) -> bool {
        let is_alive = matches!(self.process.try_wait(), Ok(None));
        is_alive && (!self.ready || self.is_quiet())
    }

    fn is_quiet(&self) -> bool {
        let unread = rustix::io::ioctl_fionread(self.answers.get_ref());
        self.answers.buffer().is_empty() && unread == Ok(0)
    }

    /// Nothing once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns whether the next file might meet the end of the process's time.
    pub fn is_worn(&self) -> bool {
        processor_time(self.pid()).is_some_and(|taken| taken >= self.life)
    }

    /// Returns a meter of what comes from now on.
    pub fn meter(&self) -> Meter {
        Meter::start(self.pid())
    }

    pub async fn ask(
        &mut self,
        file: &[u8],
        specs: &[TileSpec],
        limits: Limits,
    ) -> io::Result<Reply> {
        let request = protocol::encode(&Request {
            specs: specs.to_vec(),
            limits,
            file_bytes: file.len() as u64,
        })?;
        // Together: the first would wake the process, only to let it wait for the second.
        self.requests
            .write_all_buf(&mut Buf::chain(request.as_slice(), file))
            .await?;
        let mut prefix = [0; 4];
        self.answers.read_exact(&mut prefix).await?;
        let mut body = vec![0; protocol::length(prefix)?];
        self.answers.read_exact(&mut body).await?;
        let mut reply = protocol::decode(&body)?;
        if let Reply::Done(Ok(picture)) = &mut reply {
            picture.rgb = self.pixels(protocol::all_pixel_bytes(specs)).await?;
        }
        believed(reply, &limits)
    }

    /// Reads as many as there have to be, whatever the decoder says, into memory that nobody has to clear before.
    async fn pixels(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut pixels = Vec::with_capacity(count);
        let mut answer = (&mut self.answers).take(count as u64);
        answer.read_to_end(&mut pixels).await?;
        if pixels.len() < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(pixels)
    }
}

/// Lets others go before that process. For ever: to take it back is a right that the server need not have.
pub fn give_way(pid: Option<u32>, niceness: i32) {
    let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
    let done = pid.map(|pid| rustix::process::setpriority_process(Some(pid), niceness));
    if let Some(Err(error)) = done {
        tracing::warn!(%error, "a decoding process keeps its priority");
    }
}
