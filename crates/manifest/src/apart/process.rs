use std::{
    io::{self, stdin, stdout},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::frame::{self, END, PIECE, ROWS, WANTED, WRONG};
use crate::{Columns, ListError, Row, parquet};

/// Takes rows as they are read.
pub type HandOut<'a> = &'a mut dyn FnMut(Vec<Row>) -> Result<(), ListError>;
/// Reads one file; [`parquet::read`], or what a test puts in its place.
pub type ReadFile = fn(Pieces, HandOut<'_>) -> Result<(), ListError>;

/// Reads one Parquet file, whose pieces come through the pipes. `memory_bytes`: what it may map beside its own code.
pub fn run(memory_bytes: u64) -> io::Result<()> {
    run_as(memory_bytes, |file, hand_out| {
        let columns = file.columns.clone();
        parquet::read(file, &columns, hand_out)
    })
}

/// The same with another reader.
pub fn run_as(memory_bytes: u64, read: ReadFile) -> io::Result<()> {
    common::process::confine(memory_bytes).tell(&mut stdout())?;
    let (bytes, columns) = file()?;
    let file = Pieces {
        bytes,
        columns,
        one: Mutex::new(()),
    };
    // The panic hook tells on standard error what happened.
    let read = catch_unwind(AssertUnwindSafe(|| read(file, &mut hand_out)));
    let wrong = |why: &str| frame::write(&mut stdout(), WRONG, why.as_bytes());
    match read {
        Ok(Ok(())) => frame::write(&mut stdout(), END, &[]),
        Ok(Err(ListError::Content(why))) => wrong(&why),
        // The one at the other end is gone, or had no more to give, and knows why.
        Ok(Err(ListError::Io(error))) => Err(error),
        Err(_) => wrong("the Parquet file cannot be read"),
    }
}

fn hand_out(rows: Vec<Row>) -> Result<(), ListError> {
    let json = serde_json::to_vec(&rows).map_err(io::Error::other)?;
    Ok(frame::write(&mut stdout(), ROWS, &json)?)
}

/// Hears how long the file is, and which columns are wanted.
fn file() -> io::Result<(u64, Columns)> {
    let (_, body) = frame::read(&mut stdin())?;
    let length = body
        .first_chunk()
        .ok_or_else(|| io::Error::other("no length"))?;
    let columns = serde_json::from_slice(&body[length.len()..]).map_err(io::Error::other)?;
    Ok((u64::from_be_bytes(*length), columns))
}

/// A file that lies elsewhere, and comes in pieces that are asked for.
pub struct Pieces {
    bytes: u64,
    columns: Columns,
    /// A question and its answer.
    one: Mutex<()>,
}

impl parquet::ByteSource for Pieces {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn range(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let _one = self.one.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = [start.to_be_bytes(), (length as u64).to_be_bytes()].concat();
        frame::write(&mut stdout(), WANTED, &wanted)?;
        match frame::read(&mut stdin())? {
            (PIECE, piece) if piece.len() == length => Ok(piece.into()),
            _ => Err(io::Error::other("another piece than was asked for")),
        }
    }
}
