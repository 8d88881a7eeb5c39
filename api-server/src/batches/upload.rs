//! The lines of a body of any length, compressed or not, within flat memory.

use std::{io, pin::Pin, time::Duration};

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{body::Body, http::HeaderMap, http::header};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::{io::AsyncRead, time::timeout};
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use super::invalid;
use crate::request::too_slow;

/// Longest line, bytes: a URL, a name, and room for the signs around them.
const MAX_LINE_BYTES: usize = 16 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// Of zstd: what a stream may ask to be kept of what it said before, 8 MiB. `zstd --long` asks for more.
const MAX_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    pub fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            _ => Err(Fault::new(Code::UnsupportedMediaType, Stage::Admit, "Content-Encoding may be gzip or zstd.")),
        }
    }
}

/// Why there are no further lines.
#[derive(Debug)]
pub enum Stopped {
    /// What came is wrong, and would be wrong again.
    Content(Fault),
    /// The rest did not come.
    Lost(Fault),
}

/// Its lines, without their ends. `idle`: the longest pause between two pieces of the body.
pub fn lines(body: Body, encoding: Encoding, idle: Duration) -> impl Stream<Item = Result<String, Stopped>> + Send {
    let pieces = stream::try_unfold((body.into_data_stream(), idle), async |(mut pieces, idle)| {
        match timeout(idle, pieces.next()).await {
            Ok(Some(Ok(bytes))) => Ok(Some((bytes, (pieces, idle)))),
            Ok(Some(Err(_))) => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            Ok(None) => Ok(None),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    });
    let reader = StreamReader::new(pieces.boxed());
    let plain: Pin<Box<dyn AsyncRead + Send>> = match encoding {
        Encoding::Identity => Box::pin(reader),
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Encoding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(MAX_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    };
    let codec = LinesCodec::new_with_max_length(MAX_LINE_BYTES);
    FramedRead::with_capacity(plain, codec, READ_BYTES).map(|line| line.map_err(stopped))
}

fn stopped(error: LinesCodecError) -> Stopped {
    match error {
        LinesCodecError::MaxLineLengthExceeded => {
            Stopped::Content(invalid(format!("a line is longer than {MAX_LINE_BYTES} bytes")))
        }
        LinesCodecError::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => Stopped::Lost(too_slow(Stage::Admit)),
            io::ErrorKind::ConnectionAborted => Stopped::Lost(invalid("The request's body broke off.")),
            _ => Stopped::Content(invalid(format!("The body cannot be read: {error}."))),
        },
    }
}
