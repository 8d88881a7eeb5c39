//! Which way is up, by a JPEG's Exif segment.

use image::metadata::Orientation;

use super::markers::segments;
use crate::ifd;

const APP1: u8 = 0xe1;

/// Nothing where the file does not say, or says nonsense. The first segment that tells is believed: others may be of texts.
pub fn orientation(jpeg: &[u8]) -> Option<Orientation> {
    segments(jpeg)
        .filter(|(marker, body)| *marker == APP1 && body.starts_with(b"Exif\0"))
        .find_map(|(_, body)| ifd::orientation(body))
}
