//! What a compressed stream may become. A few bytes can stand for any number of bytes, and a decoder that has bytes at
//! hand is always ready: without bounds, one list would keep a thread of the runtime for as long as it pleases.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncBufRead, AsyncRead, ReadBuf},
    task::coop::cooperative,
};

/// Lists of URLs unpack to 10 to 40 times their size.
const MAX_RATIO: u64 = 200;
/// So much may come of any number of bytes, so that short lists need no ratio.
const FREE_BYTES: u64 = 4 << 20;
/// Bytes for one unit of the task's budget. With 128 units, a task gives way after 2 MiB.
const PIECE_BYTES: usize = 16 * 1024;

/// Why a list is read no further.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than {MAX_RATIO} times its size")]
pub struct UnpacksTooFar;

/// Counts the packed bytes that a decoder takes.
pub struct Counted {
    packed: Pin<Box<dyn AsyncBufRead + Send>>,
    taken: Arc<AtomicU64>,
}

impl Counted {
    pub fn new(packed: impl AsyncBufRead + Send + 'static) -> (Self, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        let counted = Self {
            packed: Box::pin(packed),
            taken: taken.clone(),
        };
        (counted, taken)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(self.packed.as_mut().poll_read(cx, into))?;
        let read = into.filled().len() - before;
        self.taken.fetch_add(read as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Counted {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.get_mut().packed.as_mut().poll_fill_buf(cx)
    }

    fn consume(mut self: Pin<&mut Self>, amount: usize) {
        self.taken.fetch_add(amount as u64, Relaxed);
        self.packed.as_mut().consume(amount);
    }
}

/// Gives unpacked bytes in pieces, each for a unit of the task's budget, while they are in proportion to the packed ones.
pub struct Bounded {
    plain: Pin<Box<dyn AsyncRead + Send>>,
    packed_bytes: Arc<AtomicU64>,
    plain_bytes: u64,
}

impl Bounded {
    pub fn new(plain: Pin<Box<dyn AsyncRead + Send>>, packed_bytes: Arc<AtomicU64>) -> Self {
        Self {
            plain,
            packed_bytes,
            plain_bytes: 0,
        }
    }

    fn check(&mut self, more: usize) -> io::Result<()> {
        self.plain_bytes += more as u64;
        let most = self.packed_bytes.load(Relaxed).saturating_mul(MAX_RATIO);
        if self.plain_bytes > most.max(FREE_BYTES) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, UnpacksTooFar));
        }
        Ok(())
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
        ready!(pin!(cooperative(read)).poll(cx))?;
        let read = piece.filled().len();
        into.advance(read);
        Poll::Ready(self.check(read))
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::ZstdEncoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::{Compression, decoded};

    async fn zstd(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZstdEncoder::new(Vec::new());
        encoder.write_all(plain).await.expect("packs");
        encoder.shutdown().await.expect("packs");
        encoder.into_inner()
    }

    async fn unpacked(packed: Vec<u8>, compression: Compression) -> std::io::Result<u64> {
        let mut plain = decoded(std::io::Cursor::new(packed), compression);
        tokio::io::copy(&mut plain, &mut tokio::io::sink()).await
    }

    #[tokio::test]
    async fn few_bytes_become_no_flood() {
        let bomb = zstd(&vec![b'\n'; 64 << 20]).await;
        assert!(bomb.len() < 64 << 10, "{} bytes", bomb.len());
        let error = unpacked(bomb, Compression::Zstd).await.expect_err("a bomb");
        assert!(error.to_string().contains("200 times"), "{error}");
        let short = zstd(&vec![b'\n'; 4 << 20]).await;
        assert_eq!(
            unpacked(short, Compression::Zstd).await.expect("short"),
            4 << 20
        );
    }

    #[tokio::test]
    async fn other_tasks_have_their_turn_while_bytes_are_at_hand() {
        let bytes: u64 = 64 << 20;
        let plain = vec![b'\n'; bytes as usize];
        let reading = tokio::spawn(async {
            let mut plain = decoded(std::io::Cursor::new(plain), Compression::None);
            let mut buffer = vec![0; 256 << 10];
            while plain.read(&mut buffer).await.expect("reads") > 0 {}
        });
        let mut turns = 0;
        while !reading.is_finished() {
            tokio::task::yield_now().await;
            turns += 1;
        }
        assert!(turns >= bytes >> 21, "{turns} turns");
    }
}
