//! A file as the library wants to have it. No piece is larger than a page may
//! be: a file says how large its pieces are, and may say anything.

use std::{
    io::{self, BufReader, Read},
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    errors::{ParquetError, Result},
    file::reader::{ChunkReader, Length},
};

use super::ByteSource;

/// The most bytes of a page, or of what the file says about itself at its end.
const MAX_PIECE_BYTES: usize = 64 << 20;
/// The most bytes of a page's head, which is short.
const HEAD_BYTES: usize = 8 * 1024;

/// A piece that the file cannot have, or that is larger than any need be.
#[derive(Debug, thiserror::Error)]
#[error("it says that it has a piece of {length} bytes at byte {start}, which it cannot have")]
struct TooLarge {
    length: usize,
    start: u64,
}

/// The file could not be read. Codecs have errors of the same type for what is damaged, so this marks where one comes from.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SourceError(pub io::Error);

pub struct Pieces<S>(Arc<S>);

impl<S: ByteSource> Pieces<S> {
    pub fn new(source: S) -> Self {
        Self(Arc::new(source))
    }
}

impl<S: ByteSource> Length for Pieces<S> {
    fn len(&self) -> u64 {
        self.0.bytes()
    }
}

impl<S: ByteSource> ChunkReader for Pieces<S> {
    type T = BufReader<Reader<S>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(
            HEAD_BYTES,
            Reader {
                source: self.0.clone(),
                at: start,
            },
        ))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let fits = start
            .checked_add(length as u64)
            .is_some_and(|end| end <= self.0.bytes());
        if !fits || length > MAX_PIECE_BYTES {
            return Err(ParquetError::External(TooLarge { length, start }.into()));
        }
        self.0
            .range(start, length)
            .map_err(|error| ParquetError::External(from_source(error).into()))
    }
}

fn from_source(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), SourceError(error))
}

pub struct Reader<S> {
    source: Arc<S>,
    at: u64,
}

impl<S: ByteSource> Read for Reader<S> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = self.source.bytes().saturating_sub(self.at);
        let length = to.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        let bytes = self.source.range(self.at, length).map_err(from_source)?;
        to[..length].copy_from_slice(&bytes);
        self.at += length as u64;
        Ok(length)
    }
}
