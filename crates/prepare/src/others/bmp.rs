//! What a BMP has that is not read, by its header.

use crate::Fault;

use super::rare;

pub fn check(bmp: &[u8]) -> Result<(), Fault> {
    match unread(bmp) {
        Some(what) => Err(rare("BMP", &what)),
        None => Ok(()),
    }
}

/// Nothing for a header that ends early, which the decoder judges.
fn unread(bmp: &[u8]) -> Option<String> {
    const OF_OS2: u16 = 12;
    const OF_OS2_2: [u16; 2] = [16, 64];
    let number = |at: usize| {
        let bytes = bmp.get(at..)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    };
    let header = number(14)?;
    if OF_OS2_2.contains(&header) {
        return Some("a header of OS/2 2.x".to_owned());
    }
    let is_short = header == OF_OS2;
    let bits = number(if is_short { 24 } else { 28 })?;
    let compression = if is_short { 0 } else { number(30)? };
    let depths: &[u16] = match compression {
        0 if is_short => &[1, 4, 8, 24],
        0 => &[1, 2, 4, 8, 16, 24, 32],
        1 => &[8],
        2 => &[4],
        3 => &[16, 32],
        4 => return Some("a JPEG inside".to_owned()),
        5 => return Some("a PNG inside".to_owned()),
        6 => return Some("masks with opacity (ALPHABITFIELDS)".to_owned()),
        11..=13 => return Some("colours of inks (CMYK)".to_owned()),
        _ => return Some("a compression that is unknown".to_owned()),
    };
    (!depths.contains(&bits))
        .then(|| format!("{bits} bits in a pixel, by compression {compression}"))
}
