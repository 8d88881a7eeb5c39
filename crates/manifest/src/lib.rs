//! Lists of images as they lie in files. A list is read as it comes, within
//! flat memory, and never believed: what it says of its own sizes is checked
//! by what comes, and a row has a longest length.
//!
//! Whatever its format, a list becomes [`Row`]s. One that cannot be read is a
//! row all the same, and says why: the others are none the worse for it. Only
//! what concerns all rows, such as a missing column, ends the reading.
//!
//! Parquet is a format in which few bytes can mean any number, so a
//! stranger's is read by a process of its own ([`apart`]); one's own may be
//! read where one is ([`parquet::read`]).

pub mod apart;
mod array;
mod columns;
mod csv;
mod format;
mod json;
mod lines;
mod ndjson;
pub mod parquet;
mod plain;
mod rows;
mod text;

use common::unpack::NotUnpacked;
use serde::{Deserialize, Serialize};

pub use columns::Columns;
pub use common::unpack::Compression;
pub use format::{Format, Kind, has_url_line, looks_like};
pub use json::Listed;
pub use plain::plain;
pub use rows::Rows;

/// Longest URL or name that is looked at, bytes; whoever takes it in may take less.
pub const MAX_CELL_BYTES: usize = 16 * 1024;
/// Longest line, or row of a table with line breaks in it, bytes.
const MAX_ROW_BYTES: usize = 64 * 1024;
/// Bytes of a longer row that are thrown away before the list is given up.
const MAX_THROWN_BYTES: usize = 4 << 20;
/// Empty lines in a row, bytes. They make no items, so that nothing else counts them.
const MAX_BLANK_BYTES: usize = 1 << 20;

/// A row of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number in the list stands in where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// Without white space around it, and else as it came.
    pub url: String,
    /// Why it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// Keys or columns that mean nothing here, where they are seen for the first time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

impl Row {
    fn new(custom_id: Option<String>, url: &str) -> Self {
        Self {
            custom_id: custom_id.filter(|id| !id.is_empty()),
            url: cleaned(url).to_owned(),
            ..Self::default()
        }
    }

    /// `came`: the bytes that were to be a row.
    fn wrong(why: impl AsRef<str>, came: &[u8]) -> Self {
        Self {
            wrong: Some(format!("{}; it is {}", why.as_ref(), shown(came))),
            ..Self::default()
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It would be wrong again.
    #[error("{0}")]
    Content(String),
    /// The rest did not come.
    #[error(transparent)]
    Io(std::io::Error),
}

impl From<std::io::Error> for ListError {
    fn from(error: std::io::Error) -> Self {
        match NotUnpacked::of(&error) {
            Some(why) => wrong(format!("the list cannot be read: {why}")),
            None => Self::Io(error),
        }
    }
}

fn wrong(why: impl Into<String>) -> ListError {
    ListError::Content(why.into())
}

/// A URL without what stands around it by accident: a line end in a cell, blanks, marks that nobody sees.
pub fn cleaned(url: &str) -> &str {
    url.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'))
}

/// So much of what came is shown.
const SHOWN_CHARS: usize = 80;

/// The beginning of what came, between quotation marks.
fn shown(came: &[u8]) -> String {
    let head = &came[..came.len().min(4 * SHOWN_CHARS)];
    let text = String::from_utf8_lossy(head);
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < came.len() {
        short.push('…');
    }
    serde_json::Value::from(short).to_string()
}
