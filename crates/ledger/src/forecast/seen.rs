//! What a line of a dry run's results says.

use serde::{Deserialize, Serialize};

/// What an item took; in the lines of dry runs alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Milliseconds since 1970, when it was done.
    pub finished_ms: u64,
    /// How long its host was busy with it, all tries together.
    pub fetch_ms: u64,
    /// The migrator.
    pub by: String,
}

#[derive(Debug, Deserialize)]
pub struct Seen {
    pub url: String,
    pub response: Option<Response>,
    pub error: Option<Error>,
    pub measured: Option<Measured>,
}

#[derive(Debug, Deserialize)]
pub struct Response {
    pub body: Body,
}

#[derive(Debug, Deserialize)]
pub struct Body {
    pub image: Image,
    pub tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
pub struct Image {
    pub bytes: u64,
}

#[derive(Debug, Deserialize)]
pub struct Tag {
    pub id: String,
}

#[derive(Debug, Deserialize)]
pub struct Error {
    pub code: String,
}

#[derive(Clone, Copy, Debug)]
pub struct Kept {
    pub finished_ms: u64,
    pub fetch_ms: u64,
    /// Its number.
    pub host: usize,
}
