//! A JPEG's segments, as far as they can be read without its pixels.

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

/// More than an odd program leaves between two segments.
const MOST_STRAY_BYTES: usize = 1 << 10;

/// Marker and body of each segment, up to the first scan's header.
pub fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = &rest[stray_bytes(rest)..];
        let [0xff, marker, high, low, ..] = *rest else {
            return None;
        };
        if marker == EOI || has_no_length(marker) {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = rest.get(4..2 + length)?;
        rest = if marker == SOS {
            &[]
        } else {
            &rest[2 + length..]
        };
        Some((marker, body))
    })
}

/// Before a marker there may be any number of 0xff, and in odd files other bytes, which readers pass over.
fn stray_bytes(rest: &[u8]) -> usize {
    let begins = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff);
    let looked_at = &rest[..rest.len().min(MOST_STRAY_BYTES)];
    looked_at.windows(2).position(begins).unwrap_or(0)
}

/// The colour profile, put together from its numbered parts.
pub fn profile(jpeg: &[u8]) -> Option<Vec<u8>> {
    let parts = segments(jpeg).filter(|(marker, _)| *marker == APP2);
    let mut parts: Vec<_> = parts
        .filter_map(|(_, body)| body.strip_prefix(b"ICC_PROFILE\0")?.split_at_checked(2))
        .collect();
    parts.sort_by_key(|(number, _)| number[0]);
    let whole: Vec<u8> = parts.iter().flat_map(|(_, part)| *part).copied().collect();
    (!whole.is_empty()).then_some(whole)
}

/// Returns whether three components are brightness and two colours: unless Adobe's marker says something else.
pub fn is_ycbcr(jpeg: &[u8]) -> bool {
    let adobe =
        segments(jpeg).find(|(marker, body)| *marker == APP14 && body.starts_with(b"Adobe"));
    adobe.is_none_or(|(_, body)| body.get(11) == Some(&1))
}

/// Returns whether every sample is kept: such a file knows no scales.
pub fn is_lossless(jpeg: &[u8]) -> bool {
    segments(jpeg).any(|(marker, _)| matches!(marker, 0xc3 | 0xcb))
}

/// Returns whether it is of the format that shares JPEG's name and its beginning.
pub fn is_jpeg_ls(jpeg: &[u8]) -> bool {
    segments(jpeg).any(|(marker, _)| marker == 0xf7)
}

/// SOFn; among its codes stand DHT, JPG and DAC.
pub fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Stuffing, TEM, RSTn and SOI: what seems to be their segment is none.
pub fn has_no_length(marker: u8) -> bool {
    matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8)
}
