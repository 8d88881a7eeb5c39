//! The lines of a body of any length, compressed or not, within flat memory.

use std::{io, time::Duration};

use axum::{body::Body, http::HeaderMap, http::header};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{StreamExt, stream};
use ledger::intake::{Stopped, too_long};
use manifest::Compression;
use tokio::{io::AsyncBufRead, time::timeout};
use tokio_util::{codec::LinesCodecError, io::StreamReader};

use crate::request::too_slow;

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

pub fn broken(error: LinesCodecError) -> Stopped {
    match error {
        LinesCodecError::MaxLineLengthExceeded => too_long(),
        LinesCodecError::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut => Stopped::Lost(too_slow(Stage::Admit)),
            io::ErrorKind::ConnectionAborted => {
                Stopped::Lost(Fault::invalid("The request's body broke off."))
            }
            _ => Stopped::Content(Fault::invalid(format!("The body cannot be read: {error}."))),
        },
    }
}
