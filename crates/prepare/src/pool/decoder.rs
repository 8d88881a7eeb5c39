//! The server's end of one decoding process. Dropped, it ends the process.

use std::{io, time::Duration};

use bytes::Buf;
use common::{
    model::TileSpec,
    process::{Reader, start_reader},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{PoolConfig, meter::Meter};
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

/// A busy machine starts a process within a second or two; one that takes longer than this never starts.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// More than nearly any tile.
const ANSWER_BYTES: usize = 64 << 10;

/// So much of a file is in the pipe at once, instead of 64 KiB.
const PIPE_BYTES: usize = 1 << 20;

/// The niceness, of 19. What others do goes before, and yet it gets on: a tenth of a core that one of them wants as well.
const ASIDE: i32 = 10;

#[derive(Debug)]
pub struct Decoder {
    // Ends the process when dropped.
    process: Child,
    requests: ChildStdin,
    /// One look fetches a whole answer.
    answers: BufReader<ChildStdout>,
    ready: bool,
}

impl Decoder {
    /// Takes milliseconds.
    pub fn start(config: &PoolConfig) -> io::Result<Self> {
        // What is allocated by a header, the file, and as much again for its parts.
        let memory_bytes = config.limits.max_decoded_bytes + 2 * config.max_file_bytes as u64;
        let Reader { process, to, from } =
            start_reader(&config.program, "prepare-worker", memory_bytes, &MALLOC)?;
        // Where the system grants less, it takes a few switches more.
        let _ = rustix::pipe::fcntl_setpipe_size(&to, PIPE_BYTES);
        Ok(Self {
            process,
            requests: to,
            answers: BufReader::with_capacity(ANSWER_BYTES, from),
            ready: false,
        })
    }

    /// Waits until the process takes files. Loading and confining it takes time of the processor, for which no file is
    /// to blame.
    pub async fn until_ready(&mut self) -> io::Result<()> {
        if self.ready {
            return Ok(());
        }
        let word = timeout(READY_WITHIN, self.answers.read_u8()).await??;
        if word != protocol::READY {
            return Err(io::Error::other(
                "the decoding process is of another version",
            ));
        }
        self.ready = true;
        Ok(())
    }

    /// False once the process has ended, for whatever reason: no file that comes later is to blame.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Nothing once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Returns a meter of what comes from now on.
    pub fn meter(&self) -> Meter {
        Meter::start(self.pid())
    }

    pub async fn ask(&mut self, file: &[u8], spec: TileSpec, limits: Limits) -> io::Result<Reply> {
        let request = protocol::encode(&Request {
            spec,
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
        protocol::decode(&body)
    }
}

/// Lets others go before that process. For ever: to take it back is a right that the server need not have.
pub fn step_aside(pid: Option<u32>) {
    let pid = pid.and_then(|pid| rustix::process::Pid::from_raw(pid as i32));
    let done = pid.map(|pid| rustix::process::setpriority_process(Some(pid), ASIDE));
    if let Some(Err(error)) = done {
        tracing::warn!(%error, "a slow decoding process keeps its priority");
    }
}
