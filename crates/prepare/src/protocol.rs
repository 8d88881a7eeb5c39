//! What the server and a decoding process say to each other: frames of a
//! length and a MessagePack body. The file's bytes follow a request as they
//! are, so that twenty megabytes are not copied once more.

use std::io;

use common::{fault::Fault, model::TileSpec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Limits, Prepared};

/// Far above any header or tile: whoever announces more is broken.
const MAX_BODY_BYTES: usize = 8 << 20;

/// What a decoding process says first, once: it is confined and takes files.
pub const READY: u8 = b'r';

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Request {
    pub spec: TileSpec,
    pub limits: Limits,
    /// Bytes of the file, which follow.
    pub file_bytes: u64,
}

pub type Response = Result<Prepared, Fault>;

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    Done(Response),
    /// The decoder did, and goes on.
    Panicked,
}

pub fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    rmp_serde::encode::write_named(&mut frame, message).map_err(io::Error::other)?;
    let length = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// The body's length by its four bytes.
pub fn length(prefix: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(prefix) as usize;
    if length <= MAX_BODY_BYTES {
        Ok(length)
    } else {
        Err(io::Error::other("a frame is longer than any message"))
    }
}

pub fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(body).map_err(io::Error::other)
}
