//! Tiles as pixels, where API server and worker share their memory. They follow the message that speaks of them, as they are.

use std::{mem, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Job, WireError, asked::PIXEL_JOB, encode};
use crate::budget::Held;

/// The pixels of all tiles of one picture; nothing where its tiles are JPEGs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RawTiles {
    /// Bytes of each tile, in the order of the models.
    lengths: Vec<u32>,
    /// `[height, width, 3] u8` of each tile, one after the other.
    #[serde(skip)]
    bytes: Bytes,
    /// What is taken for them of the memory that images may have.
    #[serde(skip)]
    held: Option<Arc<Held>>,
}

/// A message with the pixels behind it, counted until the last of them is dropped.
struct Counted {
    bytes: Vec<u8>,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for RawTiles {
    fn eq(&self, other: &Self) -> bool {
        self.lengths == other.lengths && self.bytes == other.bytes
    }
}

impl RawTiles {
    /// `lengths`: bytes of each tile; they add up to those of `rgb`.
    pub fn new(rgb: Vec<u8>, lengths: impl IntoIterator<Item = usize>, held: Held) -> Self {
        Self {
            lengths: lengths.into_iter().map(|length| length as u32).collect(),
            bytes: rgb.into(),
            held: Some(Arc::new(held)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Returns each tile's pixels.
    pub fn tiles(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut start = 0;
        self.lengths.iter().map(move |length| {
            let end = start + *length as usize;
            let tile = self.bytes.slice(start..end);
            start = end;
            tile
        })
    }

    pub(super) fn total(&self) -> usize {
        self.lengths.iter().map(|length| *length as usize).sum()
    }

    /// Adds them to the message that tells their lengths.
    pub(super) fn follow(&self, message: &mut Vec<u8>) {
        message.extend_from_slice(&self.bytes);
    }

    /// Finds them behind the message that tells their lengths.
    fn found_behind(self, payload: &Bytes) -> Result<Self, WireError> {
        let start = payload
            .len()
            .checked_sub(self.total())
            .ok_or(WireError::CutShort)?;
        Ok(Self {
            bytes: payload.slice(start..),
            ..self
        })
    }
}

impl Job {
    /// Has the job carry its tiles as pixels, if there are any.
    pub fn carry(&mut self, pixels: RawTiles) {
        if !pixels.is_empty() {
            self.v = self.v.max(PIXEL_JOB);
            self.pixels = pixels;
        }
    }

    /// Returns what is published of the job. Its pixels are in there from now on, and no longer here.
    pub fn take_payload(&mut self) -> Bytes {
        let bytes = encode(self);
        match mem::take(&mut self.pixels).held {
            Some(held) => Bytes::from_owner(Counted { bytes, _held: held }),
            None => bytes.into(),
        }
    }
}

/// Reads a job whose tiles may be behind it.
pub fn decode_job(payload: &Bytes) -> Result<Job, WireError> {
    let mut job: Job = super::decode(payload)?;
    if !job.pixels.is_empty() {
        job.pixels = job.pixels.found_behind(payload)?;
    }
    Ok(job)
}
