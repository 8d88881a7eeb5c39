//! A WebP's chunks, and what it says of its size in a second place.

use common::fault::{Code, Fault};
use image::metadata::Orientation;

use crate::{fault, ifd};

/// Name and body of each chunk; the last body may be shorter than it claims.
pub fn chunks(webp: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = webp.get(12..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        rest = after
            .get(length.saturating_add(length & 1)..)
            .unwrap_or_default();
        Some((name, &after[..length.min(after.len())]))
    })
}

/// Orientation and colour profile, which only an extended file has. The
/// decoder would give the same, after allocating whatever length they claim.
pub fn metadata(webp: &[u8]) -> (Option<Orientation>, Option<Vec<u8>>) {
    let orientation = exif(webp).and_then(ifd::orientation);
    (orientation, extra(webp, b"ICCP").map(<[u8]>::to_vec))
}

pub fn exif(webp: &[u8]) -> Option<&[u8]> {
    extra(webp, b"EXIF")
}

/// Returns the body of a chunk that only an extended file has.
fn extra<'a>(webp: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let (first, _) = chunks(webp).next()?;
    if first != b"VP8X" {
        return None;
    }
    let found = chunks(webp).find(|(name, _)| *name == wanted);
    found.map(|(_, body)| body)
}

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
    match webp
        .windows(START_CODE_AT + 7)
        .filter_map(frame_size)
        .any(too_large)
    {
        true => Err(fault(
            Code::ImageInvalid,
            "The WebP holds a frame that is larger than its canvas.",
        )),
        false => Ok(()),
    }
}

fn frame_size(at: &[u8]) -> Option<(u32, u32)> {
    let header = at.starts_with(CHUNK).then(|| at.get(START_CODE_AT..))??;
    let [w0, w1, h0, h1, ..] = *header.strip_prefix(&START_CODE)? else {
        return None;
    };
    // The upper two bits are a scale that decoders leave to the viewer.
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some((side(w0, w1), side(h0, h1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8], u32)]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        for (name, body, claimed) in chunks {
            file.extend([name.as_slice(), &claimed.to_le_bytes(), body].concat());
        }
        file
    }

    #[test]
    fn metadata_is_what_is_there_and_not_what_is_claimed() {
        let turned = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let extended = (b"VP8X", [0; 10].as_slice(), 10);
        let expected = (Some(Orientation::Rotate90), Some(b"profile!".to_vec()));
        let exif = (b"EXIF", turned.as_slice(), turned.len() as u32);
        assert_eq!(
            metadata(&file(&[extended, (b"ICCP", b"profile!", 8), exif])),
            expected
        );
        // Four gigabytes, if one believes it.
        let lying = (b"EXIF", turned.as_slice(), u32::MAX);
        assert_eq!(
            metadata(&file(&[extended, (b"ICCP", b"profile!", 8), lying])),
            expected
        );
        // Only an extended file has any.
        assert_eq!(metadata(&file(&[(b"VP8 ", b"", 0), exif])), (None, None));
        assert_eq!(metadata(&file(&[extended])), (None, None));
        assert_eq!(metadata(b"RIFF"), (None, None));
    }
}
