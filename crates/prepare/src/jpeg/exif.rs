//! Which way is up, by a JPEG's Exif segment.

use image::metadata::Orientation;

use super::markers::segments;

const APP1: u8 = 0xe1;

/// As it is where the file does not say, or says nonsense.
pub fn orientation(jpeg: &[u8]) -> Orientation {
    segments(jpeg)
        .filter(|(marker, _)| *marker == APP1)
        .find_map(|(_, body)| Orientation::from_exif_chunk(body.strip_prefix(b"Exif\0\0")?))
        .unwrap_or(Orientation::NoTransforms)
}
