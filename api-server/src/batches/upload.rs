//! The lines of a body of any length, compressed or not, within flat memory.

use std::{io, time::Duration};

use axum::{body::Body, http::HeaderMap, http::header};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, stream};
use manifest::{Compression, decoded};
use tokio::{io::AsyncBufRead, time::timeout};
use tokio_util::{
    codec::{FramedRead, LinesCodec, LinesCodecError},
    io::StreamReader,
};

use super::invalid;
use crate::request::too_slow;

/// Longest line, bytes: a URL, a name, and room for the signs around them.
const MAX_LINE_BYTES: usize = 16 * 1024;
const READ_BYTES: usize = 64 * 1024;

pub fn encoding(headers: &HeaderMap) -> Result<Compression, Fault> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(Compression::None);
    };
    match value
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
        .as_str()
    {
        "" | "identity" => Ok(Compression::None),
        "gzip" | "x-gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        _ => Err(Fault::new(
            Code::UnsupportedMediaType,
            Stage::Admit,
            "Content-Encoding may be gzip or zstd.",
        )),
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

/// Bytes as they arrive. `idle`: the longest pause between two pieces of the body.
pub fn arriving(body: Body, idle: Duration) -> impl AsyncBufRead + Send + 'static {
    let pieces = stream::try_unfold(
        (body.into_data_stream(), idle),
        async |(mut pieces, idle)| match timeout(idle, pieces.next()).await {
            Ok(Some(Ok(bytes))) => Ok(Some((bytes, (pieces, idle)))),
            Ok(Some(Err(_))) => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            Ok(None) => Ok(None),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        },
    );
    StreamReader::new(pieces.boxed())
}

/// Lines, without their ends.
pub fn lines(
    packed: impl AsyncBufRead + Send + 'static,
    compression: Compression,
) -> impl Stream<Item = Result<String, LinesCodecError>> + Send {
    let codec = LinesCodec::new_with_max_length(MAX_LINE_BYTES);
    let plain = decoded(packed, compression);
    FramedRead::with_capacity(plain, codec, READ_BYTES)
}

pub fn too_long() -> Stopped {
    Stopped::Content(invalid(format!(
        "a line is longer than {MAX_LINE_BYTES} bytes"
    )))
}

pub fn stopped(error: LinesCodecError) -> Stopped {
    match error {
        LinesCodecError::MaxLineLengthExceeded => too_long(),
        LinesCodecError::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => Stopped::Lost(too_slow(Stage::Admit)),
            io::ErrorKind::ConnectionAborted => {
                Stopped::Lost(invalid("The request's body broke off."))
            }
            _ => Stopped::Content(invalid(format!("The body cannot be read: {error}."))),
        },
    }
}
