//! The other end: starts the process, gives it what it asks for, takes rows.

use std::{io, time::Duration};

use common::{
    outside::Opened,
    process::{self, Bounds, ReaderProgram},
};
use futures_util::{Stream, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, ChildStdout},
    time::timeout,
};

use super::frame::{self, END, PIECE, ROWS, WANTED, WRONG};
use crate::{Columns, ListError, Row, wrong};

const BOUNDS: Bounds = Bounds {
    // A few pages, packed and unpacked, and the rows of one.
    memory_bytes: 384 << 20,
    // A file of a milliard rows takes less.
    processor: Duration::from_secs(3_600),
};
/// So many times its length may be read of a file: what a page has before it is read twice, and a footer may be.
const MAX_READ: u64 = 4;
/// So much may be read of any file, so that short ones need no ratio.
const FREE_BYTES: u64 = 4 << 20;
/// Between two words of the process.
const PATIENCE: Duration = Duration::from_secs(60);

struct Reader {
    // Ends the process when dropped.
    _process: Child,
    file: Opened,
    given_bytes: u64,
    to: ChildStdin,
    from: ChildStdout,
}

/// The rows of a Parquet file, some at a time. `program`, with the argument `manifest-reader`, calls [`super::run`].
pub async fn rows(
    program: &ReaderProgram,
    file: Opened,
    columns: &Columns,
) -> Result<impl Stream<Item = Result<Vec<Row>, ListError>> + Send + use<>, ListError> {
    let reader = Reader::start(program, file, columns).await?;
    Ok(stream::try_unfold(reader, async |mut reader| {
        Ok(reader.next().await?.map(|rows| (rows, reader)))
    }))
}

impl Reader {
    async fn start(program: &ReaderProgram, file: Opened, columns: &Columns) -> io::Result<Self> {
        let started = program.start("manifest-reader", BOUNDS, &[])?;
        let process::Reader {
            process,
            mut to,
            mut from,
        } = started;
        program.until_confined(&mut from).await?;
        let columns = serde_json::to_vec(columns)?;
        send(
            &mut to,
            &[&file.bytes().to_be_bytes()[..], &columns].concat(),
        )
        .await?;
        Ok(Self {
            _process: process,
            file,
            given_bytes: 0,
            to,
            from,
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<Row>>, ListError> {
        let unreadable =
            || wrong("the Parquet file cannot be read, or takes too much memory or time");
        loop {
            let (kind, body) = match timeout(PATIENCE, self.hear()).await {
                Ok(Ok(heard)) => heard,
                // It died, and of this file: whatever else it does without a word is no end.
                Ok(Err(_)) | Err(_) => return Err(unreadable()),
            };
            match kind {
                WANTED => self.give(&body).await?,
                ROWS => {
                    return serde_json::from_slice(&body)
                        .map(Some)
                        .map_err(|_| unreadable());
                }
                WRONG => {
                    return Err(ListError::Content(
                        String::from_utf8_lossy(&body).into_owned(),
                    ));
                }
                END => return Ok(None),
                _ => return Err(unreadable()),
            }
        }
    }

    async fn hear(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut prefix = [0; 5];
        self.from.read_exact(&mut prefix).await?;
        let (kind, length) = frame::read_head(prefix)?;
        let mut body = vec![0; length];
        self.from.read_exact(&mut body).await?;
        Ok((kind, body))
    }

    /// Gives bytes of this file alone, whatever it asks for, no more at once than a page has, and no more in all than a
    /// few times the file: its footer can name one page for as many groups of rows as it likes.
    async fn give(&mut self, wanted: &[u8]) -> Result<(), ListError> {
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
        let wanted = wanted
            .split_at_checked(8)
            .and_then(|(start, length)| Some((number(start)?, number(length)?)));
        let fits = |(start, length): &(u64, u64)| {
            *length < frame::MAX_BYTES as u64
                && start
                    .checked_add(*length)
                    .is_some_and(|end| end <= self.file.bytes())
        };
        let (start, length) = wanted
            .filter(fits)
            .ok_or_else(|| wrong("the Parquet file has pieces beyond its end"))?;
        self.given_bytes += length;
        if self.given_bytes > FREE_BYTES.max(self.file.bytes().saturating_mul(MAX_READ)) {
            return Err(wrong(format!(
                "the Parquet file names its pages more often than {MAX_READ} times"
            )));
        }
        let piece = self.file.range(start..start + length).await?;
        // Where it does not listen any more, it has said why, or is dead.
        let _ = send(&mut self.to, &piece).await;
        Ok(())
    }
}

async fn send(to: &mut ChildStdin, piece: &[u8]) -> io::Result<()> {
    to.write_all(&frame::head(PIECE, piece.len())).await?;
    to.write_all(piece).await?;
    to.flush().await
}
