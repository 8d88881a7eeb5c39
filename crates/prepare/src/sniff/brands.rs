//! Files of the ISO base media family (HEIC, AVIF, films) begin with the brands that they follow.

use common::{fault::Reason, image::Format};

use super::Foreign;

/// More brands than any file has.
const MOST_BRANDS: usize = 64;

/// The first one is the file's own; then come those that it is compatible with.
fn brands(bytes: &[u8]) -> impl Iterator<Item = &[u8; 4]> {
    let length = bytes.first_chunk().map_or(0, |it| u32::from_be_bytes(*it));
    let body = match bytes.get(4..8) {
        Some(b"ftyp") => &bytes[8..bytes.len().min(length as usize).max(8)],
        _ => &[],
    };
    let (words, _) = body.as_chunks::<4>();
    // The second word is a version.
    let others = words.iter().skip(2).take(MOST_BRANDS);
    words.iter().take(1).chain(others)
}

pub fn readable(bytes: &[u8]) -> Option<Format> {
    let has = |wanted: &[&[u8; 4]]| brands(bytes).any(|brand| wanted.contains(&brand));
    if brands(bytes).next() == Some(b"crx ") {
        return Some(Format::Raw);
    }
    if has(&[b"avif", b"avis"]) {
        return Some(Format::Avif);
    }
    let heic: &[&[u8; 4]] = &[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1",
    ];
    has(heic).then_some(Format::Heic)
}

pub fn film(bytes: &[u8]) -> Option<Foreign> {
    let first = brands(bytes).next();
    match (first, bytes.get(4..8)) {
        (Some(b"qt  "), _) => Some(Foreign::new(Reason::Video, "a QuickTime film")),
        (Some(b"M4A " | b"M4B "), _) => Some(Foreign::new(Reason::Audio, "an MP4 sound file")),
        (Some(_), _) => Some(Foreign::new(Reason::Video, "an MP4 film")),
        // QuickTime of before had no brands.
        (None, Some(b"moov" | b"mdat" | b"wide")) => {
            Some(Foreign::new(Reason::Video, "a QuickTime film"))
        }
        _ => None,
    }
}
