//! A list that comes as a body of any length, packed or not, within flat memory.

use std::{io, time::Duration};

use axum::{body::Body, http::HeaderMap};
use common::{
    budget::Budget,
    fault::{Code, Fault},
    stage::Stage,
    unpack::{NoRoom, NotUnpacked, peek},
};
use futures_util::{StreamExt, stream};
use ledger::intake::Stopped;
use manifest::{Format, plain};
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncReadExt, BufReader},
    time::timeout,
};
use tokio_util::io::{ReaderStream, StreamReader};
use web::request::{encoding, too_slow};

/// So much of a list shows what it is: a whole header.
pub const HEAD_BYTES: usize = 4 * 1024;

/// A list, of which nothing has been read but what shows how it is packed.
pub struct Upload {
    head: Vec<u8>,
    rest: Box<dyn AsyncBufRead + Send + Unpin>,
    format: Format,
}

impl Upload {
    /// `idle`: the longest pause between two pieces of the body. What is unpacked of it counts in `budget`.
    pub async fn open(
        budget: &Budget,
        idle: Duration,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Fault> {
        let packed = arriving(body, idle);
        let text = plain(packed, encoding(headers)?, budget).await;
        let text = BufReader::new(text.map_err(|error| fault(&error))?);
        Ok(Self {
            head: Vec::new(),
            rest: Box::new(text),
            format: Format::Ndjson,
        })
    }

    /// Looks at its beginning, which stays where it is: at `least` bytes, and at more of them if they are there.
    pub async fn look(&mut self, least: usize) -> Result<&[u8], Fault> {
        let head = peek(&mut self.rest, least, HEAD_BYTES).await;
        self.head = head.map_err(|error| fault(&error))?;
        Ok(&self.head)
    }

    pub fn of(self, format: Format) -> Self {
        Self { format, ..self }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn into_text(self) -> impl AsyncRead + Send + Unpin {
        io::Cursor::new(self.head).chain(self.rest)
    }

    /// The same as a body, of one that is no list after all.
    pub fn into_body(self) -> Body {
        Body::from_stream(ReaderStream::new(self.into_text()))
    }
}

/// Bytes as they arrive. `idle`: the longest pause between two pieces of the body.
fn arriving(body: Body, idle: Duration) -> impl AsyncBufRead + Send + Unpin + 'static {
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

fn fault(error: &io::Error) -> Fault {
    let no_room = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<NoRoom>());
    if let Some(no_room) = no_room {
        return Fault::new(Code::Overloaded, Stage::Admit, no_room.to_string());
    }
    let (Stopped::Content(fault) | Stopped::Lost(fault)) = broken(error);
    fault
}

/// What it means that a list is read no further.
pub fn broken(error: &io::Error) -> Stopped {
    match (NotUnpacked::of(error), error.kind()) {
        (Some(why), _) => {
            Stopped::Content(Fault::invalid(format!("The body cannot be read: {why}.")))
        }
        (None, io::ErrorKind::TimedOut) => Stopped::Lost(too_slow(Stage::Admit)),
        (None, _) => Stopped::Lost(Fault::invalid("The request's body broke off.")),
    }
}
