//! Which way is up, by a JPEG's Exif segment.

use image::metadata::Orientation;

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const APP1: u8 = 0xe1;

/// As it is where the file does not say, or says nonsense.
pub fn orientation(jpeg: &[u8]) -> Orientation {
    segments(jpeg)
        .filter(|(marker, _)| *marker == APP1)
        .find_map(|(_, body)| Orientation::from_exif_chunk(body.strip_prefix(b"Exif\0\0")?))
        .unwrap_or(Orientation::NoTransforms)
}

/// Marker and body of each segment before the first scan.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        // A marker may be preceded by any number of 0xff.
        while let [0xff, 0xff, ..] = rest {
            rest = &rest[1..];
        }
        let [0xff, marker, high, low, ..] = *rest else { return None };
        if matches!(marker, SOS | EOI) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(4..2 + length)?;
        rest = &rest[2 + length..];
        Some((marker, body))
    })
}
