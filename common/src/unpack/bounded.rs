//! What a compressed stream may become. A few bytes can stand for any number of bytes, and a decoder that has bytes at
//! hand is always ready: without bounds, one list would keep a thread of the runtime for as long as it pleases.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncBufRead, AsyncRead, ReadBuf},
    task::coop::cooperative,
};

use super::{Compression, NotUnpacked};
use crate::budget::Held;

/// Lists of URLs unpack to 10 to 40 times their size.
pub const MAX_RATIO: u64 = 200;
/// So much may come of any number of bytes, so that short lists need no ratio.
const FREE_BYTES: u64 = 4 << 20;
/// Bytes for one unit of the task's budget. With 128 units, a task gives way after 2 MiB.
const PIECE_BYTES: usize = 16 * 1024;

/// What a decoder has taken of its packed bytes.
#[derive(Debug, Default)]
pub struct Taken {
    bytes: AtomicU64,
    /// Whoever brings them failed. What the decoder says then is no word on them.
    is_cut: AtomicBool,
}

/// Counts the packed bytes that a decoder takes.
pub struct Counted {
    packed: Pin<Box<dyn AsyncBufRead + Send>>,
    taken: Arc<Taken>,
}

impl Counted {
    pub fn new(packed: impl AsyncBufRead + Send + 'static) -> (Self, Arc<Taken>) {
        let taken = Arc::<Taken>::default();
        let counted = Self {
            packed: Box::pin(packed),
            taken: taken.clone(),
        };
        (counted, taken)
    }
}

impl Taken {
    fn note<T>(&self, read: &io::Result<T>) {
        if read.is_err() {
            self.is_cut.store(true, Relaxed);
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = ready!(self.packed.as_mut().poll_read(cx, into));
        self.taken.note(&read);
        let bytes = into.filled().len() - before;
        self.taken.bytes.fetch_add(bytes as u64, Relaxed);
        Poll::Ready(read)
    }
}

impl AsyncBufRead for Counted {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Self { packed, taken } = self.get_mut();
        let filled = ready!(packed.as_mut().poll_fill_buf(cx));
        taken.note(&filled);
        Poll::Ready(filled)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.taken.bytes.fetch_add(amount as u64, Relaxed);
        self.packed.as_mut().consume(amount);
    }
}

/// Gives unpacked bytes in pieces, each for a unit of the task's budget, while they are in proportion to the packed ones.
pub struct Bounded {
    plain: Pin<Box<dyn AsyncRead + Send>>,
    taken: Arc<Taken>,
    compression: Compression,
    plain_bytes: u64,
    /// Room for what the decoder keeps.
    _held: Option<Held>,
}

impl Bounded {
    pub fn new(
        plain: Pin<Box<dyn AsyncRead + Send>>,
        taken: Arc<Taken>,
        compression: Compression,
    ) -> Self {
        Self {
            plain,
            taken,
            compression,
            plain_bytes: 0,
            _held: None,
        }
    }

    /// How it is packed, as its first bytes say, or whoever sends it.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    pub fn holding(self, held: Option<Held>) -> Self {
        Self {
            _held: held,
            ..self
        }
    }

    fn check(&mut self, more: usize) -> io::Result<()> {
        self.plain_bytes += more as u64;
        let packed_bytes = self.taken.bytes.load(Relaxed);
        let most = packed_bytes.saturating_mul(MAX_RATIO).max(FREE_BYTES);
        if self.compression != Compression::None && self.plain_bytes > most {
            return Err(NotUnpacked::TooFar.into());
        }
        Ok(())
    }

    /// Tells bytes that are wrong from bytes that do not come.
    fn judge(&self, error: io::Error) -> io::Error {
        if self.compression == Compression::None || self.taken.is_cut.load(Relaxed) {
            return error;
        }
        // zstd has no other word for it.
        if error.to_string().contains("too much memory") {
            return NotUnpacked::LaterWindow.into();
        }
        let name = self.compression.name();
        // Deflate has no other word for bytes that are wanted and do not come.
        let is_cut = error.kind() == io::ErrorKind::UnexpectedEof
            || error.to_string().contains("unexpected BufError");
        match is_cut {
            true => NotUnpacked::Cut(name).into(),
            false => NotUnpacked::Broken(name).into(),
        }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = into.remaining().min(PIECE_BYTES);
        let mut piece = ReadBuf::new(into.initialize_unfilled_to(length));
        let read = poll_fn(|cx| self.plain.as_mut().poll_read(cx, &mut piece));
        let read = ready!(pin!(cooperative(read)).poll(cx));
        read.map_err(|error| self.judge(error))?;
        let bytes = piece.filled().len();
        into.advance(bytes);
        Poll::Ready(self.check(bytes))
    }
}
