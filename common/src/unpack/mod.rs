//! Packed bytes of strangers, unpacked as they come and within bounds: of what few bytes may become, of the memory that a
//! window takes, and of the time that one task may keep a thread.

mod bounded;
mod kinds;
mod members;
mod window;

use std::{
    io::{self, Cursor},
    pin::Pin,
};

use async_compression::{
    tokio::bufread::{BrotliDecoder, DeflateDecoder, ZlibDecoder, ZstdDecoder},
    zstd::DParameter,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt};

use crate::budget::{Budget, Held};
pub use bounded::{Bounded, Counted};
pub use kinds::foreign_kind;
use members::Members;

/// So many bytes tell what a file is, if there are so many at hand.
const HEAD_BYTES: usize = 512;
/// So many are waited for: the beginning of a short list may come long before its end.
const LEAST_BYTES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    Brotli,
    /// With the head of zlib, as it ought to have, or without.
    Deflate,
}

impl Compression {
    /// Returns what a `Content-Encoding` stands for. Names that nobody knows stand for nothing.
    pub fn of_token(token: &str) -> Option<Self> {
        match token.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            "br" => Some(Self::Brotli),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Deflate => "deflate",
        }
    }

    /// Returns what the first bytes say. Brotli and bare deflate say nothing of themselves.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [first, 0x2a, 0x4d, 0x18, ..] if first >> 4 == 5 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why packed bytes are read no further. It would be so again.
#[derive(Debug, thiserror::Error)]
pub enum NotUnpacked {
    #[error("it unpacks to more than {} times its size", bounded::MAX_RATIO)]
    TooFar,
    #[error("it is packed as {0}, and its bytes are broken")]
    Broken(&'static str),
    #[error("it is packed as {0}, and its bytes end too early")]
    Cut(&'static str),
    #[error("it is packed as {0}, and within that as {1}: pack it once")]
    Twice(&'static str, &'static str),
    #[error(
        "its zstd window is {0} MiB, and {max} MiB is the most that is read: pack it without `--ultra -22`, and with \
         `--long={log}` at the most",
        max = window::MAX_MIB,
        log = window::MAX_LOG
    )]
    Window(u64),
    #[error(
        "it needs a larger zstd window than there is room for: pack it with `--long={}` at the most, and without `--ultra`",
        window::MAX_LOG
    )]
    LaterWindow,
    #[error("it is packed as {0}, which is not read: pack it as gzip or zstd")]
    Foreign(&'static str),
    /// It is no list, and no packed one.
    #[error("it is no list, but {0}")]
    NoList(&'static str),
}

impl NotUnpacked {
    /// Returns why, where an error says that the bytes are to blame, and not whoever brings them.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<NotUnpacked> for io::Error {
    fn from(why: NotUnpacked) -> Self {
        Self::new(io::ErrorKind::InvalidData, why)
    }
}

/// There is no room for the window of what is to be unpacked; there may be later.
#[derive(Debug, thiserror::Error)]
#[error("there is no room for a zstd window of {0} MiB at present")]
pub struct NoRoom(u64);

/// Returns the bytes as they were before they were packed. What the first bytes say counts for more than `said`: who keeps
/// lists packs them on the way, or has them unpacked, without a word.
pub async fn unpacked(
    mut packed: impl AsyncBufRead + Send + Unpin + 'static,
    said: Compression,
    budget: &Budget,
) -> io::Result<Bounded> {
    let head = peek(&mut packed, LEAST_BYTES, HEAD_BYTES).await?;
    let compression = match (Compression::of_head(&head), said) {
        (Some(seen), _) => seen,
        (None, Compression::Gzip | Compression::Zstd) => Compression::None,
        (None, said) => said,
    };
    if compression == Compression::None
        && let Some(why) = foreign_kind(&head)
    {
        return Err(why.into());
    }
    let (window_log, held) = match compression {
        Compression::Zstd => window_of(&head, budget)?,
        _ => (window::FREE_LOG, None),
    };
    let whole = Cursor::new(head).chain(packed);
    Ok(bounded(whole, compression, window_log).holding(held))
}

/// Takes from a reader what is needed to see what comes: `least` bytes, unless it ends before, and more if they are at hand.
pub async fn peek(
    from: &mut (impl AsyncBufRead + Unpin),
    least: usize,
    most: usize,
) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < least {
        let more = from.fill_buf().await?;
        let length = more.len().min(most - head.len());
        if length == 0 {
            break;
        }
        head.extend_from_slice(&more[..length]);
        from.consume(length);
    }
    Ok(head)
}

/// Returns what the decoder may use at the most, and the room for it. The first part of the stream settles that for all.
fn window_of(head: &[u8], budget: &Budget) -> io::Result<(u32, Option<Held>)> {
    let bytes = window::bytes(head).unwrap_or(0);
    let mib = bytes.div_ceil(1 << 20);
    if bytes <= 1 << window::FREE_LOG {
        return Ok((window::FREE_LOG, None));
    }
    if bytes > 1 << window::MAX_LOG {
        return Err(NotUnpacked::Window(mib).into());
    }
    let log = bytes.next_power_of_two().ilog2();
    let held = budget.hold(1 << log);
    let held = held.ok_or_else(|| io::Error::other(NoRoom(mib)))?;
    Ok((log, Some(held)))
}

/// Returns bytes unpacked within the bounds of [`Bounded`], as they are said to be packed, with a small window.
pub fn decoded(packed: impl AsyncBufRead + Send + 'static, compression: Compression) -> Bounded {
    bounded(packed, compression, window::FREE_LOG)
}

fn bounded(
    packed: impl AsyncBufRead + Send + 'static,
    compression: Compression,
    window_log: u32,
) -> Bounded {
    let (packed, taken) = Counted::new(packed);
    let plain: Pin<Box<dyn AsyncRead + Send>> = match compression {
        Compression::None => Box::pin(packed),
        Compression::Gzip => Box::pin(Members::new(packed)),
        Compression::Zstd => {
            let window = [DParameter::window_log_max(window_log)];
            let mut decoder = ZstdDecoder::with_params(packed, &window);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Compression::Brotli => Box::pin(BrotliDecoder::new(packed)),
        Compression::Deflate => Box::pin(ZlibDecoder::new(packed)),
    };
    Bounded::new(plain, taken, compression)
}

/// Deflate without the head that it ought to have.
pub fn bare_deflate(packed: impl AsyncBufRead + Send + 'static) -> Bounded {
    let (packed, taken) = Counted::new(packed);
    let plain = Box::pin(DeflateDecoder::new(packed));
    Bounded::new(plain, taken, Compression::Deflate)
}

#[cfg(test)]
mod tests;
