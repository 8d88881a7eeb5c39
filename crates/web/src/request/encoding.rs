//! Bodies that are packed on their way, and bodies of which nobody says what they are.

use std::{error::Error, io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    unpack::{Compression, NotUnpacked, decoded},
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tokio_util::io::{ReaderStream, StreamReader};

const ENCODINGS: &str = "Content-Encoding may be gzip, zstd or br, and one of them alone.";

/// Returns how a body is packed.
pub fn encoding(headers: &HeaderMap) -> Result<Compression, Fault> {
    let mut found = Compression::None;
    for value in headers.get_all(header::CONTENT_ENCODING) {
        for token in value.to_str().unwrap_or("?").split(',') {
            let token = token.trim();
            if token.is_empty() || token.eq_ignore_ascii_case("identity") {
                continue;
            }
            match Compression::of_token(token) {
                Some(Compression::Deflate) | None => return Err(unsupported()),
                Some(_) if found != Compression::None => return Err(unsupported()),
                Some(compression) => found = compression,
            }
        }
    }
    Ok(found)
}

fn unsupported() -> Fault {
    Fault::new(Code::UnsupportedMediaType, Stage::Admit, ENCODINGS)
}

/// A body as it was before it was packed. Limits count what it unpacks to.
pub fn unpacked(headers: &HeaderMap, body: Body) -> Result<Body, Fault> {
    match encoding(headers)? {
        Compression::None => Ok(body),
        compression => {
            let pieces = body
                .into_data_stream()
                .map(|piece| piece.map_err(io::Error::other));
            let plain = decoded(StreamReader::new(pieces), compression);
            Ok(Body::from_stream(ReaderStream::new(plain)))
        }
    }
}

/// What it means that a body cannot be read further.
pub fn broken(error: &(dyn Error + 'static), stage: Stage) -> Fault {
    let mut why = None;
    let mut cause = Some(error);
    while let (Some(error), None) = (cause, why) {
        why = error.downcast_ref::<io::Error>().and_then(NotUnpacked::of);
        cause = error.source();
    }
    let detail = match why {
        Some(why) => format!("The body cannot be read: {why}."),
        None => "The request's body broke off.".to_owned(),
    };
    Fault::new(Code::InvalidRequest, stage, detail)
}

/// Looks at the beginning of a body; what is returned holds it still.
pub async fn peeked(body: Body, patience: Duration, stage: Stage) -> Result<(Bytes, Body), Fault> {
    let mut pieces = body.into_data_stream();
    let head = loop {
        match timeout(patience, pieces.next()).await {
            Ok(Some(Ok(piece))) if piece.is_empty() => {}
            Ok(Some(Ok(piece))) => break piece,
            Ok(Some(Err(error))) => return Err(broken(&error, stage)),
            Ok(None) => break Bytes::new(),
            Err(_) => {
                let detail = "The request's body did not arrive in time.";
                return Err(Fault::new(Code::RequestTimeout, stage, detail));
            }
        }
    };
    let first = stream::iter([Ok(head.clone())]);
    Ok((head, Body::from_stream(first.chain(pieces))))
}
