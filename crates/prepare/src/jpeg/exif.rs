//! A JPEG's Exif segments, and which way is up by them.

use image::metadata::Orientation;

use super::markers::segments;
use crate::ifd;

const APP1: u8 = 0xe1;

/// Nothing where the file does not say, or says nonsense. The first segment that tells is believed: others may be of texts.
pub fn orientation(jpeg: &[u8]) -> Option<Orientation> {
    exif_segments(jpeg).find_map(ifd::orientation)
}

pub fn exif_segments(jpeg: &[u8]) -> impl Iterator<Item = &[u8]> {
    segments(jpeg)
        .filter(|(marker, body)| *marker == APP1 && body.starts_with(b"Exif\0"))
        .map(|(_, body)| body)
}
