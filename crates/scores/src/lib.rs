//! Scores of images as they are kept: a table in Parquet, with what it takes to tell of each image again. Who reads it looks for
//! columns by name, so a later version may add some.

mod read;
mod rows;
#[cfg(test)]
mod tests;
mod write;

use parquet::errors::ParquetError;

pub use read::Table;
pub use rows::{Row, Rows};
pub use write::TableWriter;

#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("the table of scores cannot be read: {0}")]
    Parquet(#[from] ParquetError),
    #[error("the table of scores has no column `{0}` that is of use")]
    Column(&'static str),
    #[error("a text in the table of scores is none")]
    Text(#[from] std::str::Utf8Error),
}

/// The columns, in their order.
const SCHEMA: &str = "message scores {
    required int64 place;
    required int64 line;
    required binary custom_id (UTF8);
    required binary url (UTF8);
    required binary image (UTF8);
    required binary model (UTF8);
    required binary version (UTF8);
    required int64 classes;
    required binary scores;
}";
