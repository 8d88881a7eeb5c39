//! What the server and a decoding process say to each other: frames of a
//! length and a MessagePack body. The file's bytes follow a request as they
//! are, and the pixels an answer, so that megabytes are not copied once more.

use std::io;

use common::{fault::Fault, model::TileSpec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Limits, Picture};

/// Far above any: whoever announces more is broken.
const MAX_BODY_BYTES: usize = 64 << 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// One or more; the tiles come in this order.
    pub specs: Vec<TileSpec>,
    pub limits: Limits,
    /// Bytes of the file, which follow.
    pub file_bytes: u64,
}

pub type Decoded = Result<Picture, Fault>;

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    Done(Decoded),
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

/// Returns a body's length by its four bytes.
pub fn length(prefix: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(prefix) as usize;
    if length <= MAX_BODY_BYTES {
        Ok(length)
    } else {
        Err(io::Error::other("a frame is longer than any message"))
    }
}

/// Returns the bytes of all tiles' pixels.
pub fn all_pixel_bytes(specs: &[TileSpec]) -> usize {
    specs.iter().map(|spec| pixel_bytes(*spec)).sum()
}

/// Returns the bytes of a tile's pixels.
pub fn pixel_bytes(spec: TileSpec) -> usize {
    usize::from(spec.width) * usize::from(spec.height) * 3
}

pub fn decode<T: DeserializeOwned>(body: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(body).map_err(io::Error::other)
}
