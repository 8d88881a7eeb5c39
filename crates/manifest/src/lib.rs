//! Lists of images as they lie in files. A list is read as it comes, within
//! flat memory, and never believed: what it says of its own sizes is checked
//! by what comes, and a row has a longest length.
//!
//! NDJSON is read by whoever takes it in. CSV is split here ([`CsvRows`]).
//! Parquet is a format in which few bytes can mean any number, so a
//! stranger's is read by a process of its own ([`apart`]); one's own may be
//! read where one is ([`parquet::read`]).

pub mod apart;
mod bounded;
mod compression;
mod csv;
mod format;
pub mod parquet;

use serde::{Deserialize, Serialize};

pub use bounded::{Bounded, UnpacksTooFar};
pub use compression::{Compression, decoded};
pub use csv::CsvRows;
pub use format::{Format, Kind};

/// Longest URL or name that is looked at, bytes; whoever takes it in may take less.
const MAX_CELL_BYTES: usize = 16 * 1024;

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The row's number from 1, where the table has no such column or nothing in it.
    pub custom_id: String,
    pub url: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It would be wrong again.
    #[error("{0}")]
    Content(String),
    /// The rest did not come.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn wrong(why: impl Into<String>) -> ListError {
    ListError::Content(why.into())
}
