//! What a WebP says of its size in a second place.

use common::fault::{Code, Fault};

use super::fault;

const CHUNK: &[u8] = b"VP8 ";
/// From the chunk's name: its length and the frame's tag lie before.
const START_CODE_AT: usize = 11;
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// The decoder allocates by the header of a `VP8 ` frame, whose size is
/// compared with the canvas only afterwards. Every place that might be such a
/// frame counts, wherever it lies: no file can then show one structure here
/// and another one there.
pub fn check_frames(webp: &[u8], canvas: (u32, u32)) -> Result<(), Fault> {
    let too_large = |(width, height): (u32, u32)| width > canvas.0 || height > canvas.1;
    match webp.windows(START_CODE_AT + 7).filter_map(frame_size).any(too_large) {
        true => Err(fault(Code::ImageInvalid, "The WebP holds a frame that is larger than its canvas.")),
        false => Ok(()),
    }
}

fn frame_size(at: &[u8]) -> Option<(u32, u32)> {
    let header = at.starts_with(CHUNK).then(|| at.get(START_CODE_AT..))??;
    let [w0, w1, h0, h1, ..] = *header.strip_prefix(&START_CODE)? else { return None };
    // The upper two bits are a scale that decoders leave to the viewer.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(w0, w1), side(h0, h1)))
}
