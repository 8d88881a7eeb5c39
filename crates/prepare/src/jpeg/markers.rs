//! A JPEG's segments, as far as they can be read without its pixels.

const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
const APP2: u8 = 0xe2;
const APP14: u8 = 0xee;

/// Marker and body of each segment, up to the first scan's header.
pub fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = jpeg.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        // A marker may be preceded by any number of 0xff.
        while let [0xff, 0xff, ..] = rest {
            rest = &rest[1..];
        }
        let [0xff, marker, high, low, ..] = *rest else {
            return None;
        };
        if marker == EOI {
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

/// Returns whether Adobe's marker is there.
pub fn is_adobe(jpeg: &[u8]) -> bool {
    segments(jpeg).any(|(marker, body)| marker == APP14 && body.starts_with(b"Adobe"))
}

/// Returns whether the first scan provably has all components, so that libjpeg need
/// not keep the coefficients of one scan until the others have come. False
/// for whatever looks odd.
pub fn is_single_scan(jpeg: &[u8]) -> bool {
    let mut declared = None;
    for (marker, body) in segments(jpeg) {
        match marker {
            SOS => return declared.is_some() && body.first().copied() == declared,
            _ if has_no_length(marker) => return false,
            _ if is_frame(marker) && declared.is_some() => return false,
            _ if is_frame(marker) => declared = body.get(5).copied(),
            _ => {}
        }
    }
    false
}

/// SOFn; among its codes stand DHT, JPG and DAC.
pub fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

/// Stuffing, TEM, RSTn and SOI: what seems to be their segment is none.
pub fn has_no_length(marker: u8) -> bool {
    matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8)
}
