//! Kinds of pictures that are rare, or of old programs.

use common::fault::Reason;

use super::Foreign;

pub fn name(bytes: &[u8]) -> Option<Foreign> {
    let what = by_signature(bytes)
        .or_else(|| is_pcx(bytes).then_some("a PCX picture"))
        .or_else(|| is_bare_bitmap(bytes).then_some("a bitmap without its file header (DIB)"))?;
    Some(Foreign::new(Reason::Unknown, what))
}

fn by_signature(bytes: &[u8]) -> Option<&'static str> {
    const DICOM_AT: usize = 128;
    const METAFILE_AT: usize = 40;
    let has = |at: usize, word: &[u8]| bytes.get(at..).is_some_and(|it| it.starts_with(word));
    Some(match bytes {
        [b'I', b'I', 0xbc, ..] => "a JPEG XR picture",
        [0x8a, b'M', b'N', b'G', ..] => "an MNG animation",
        [0x8b, b'J', b'N', b'G', ..] => "a JNG picture",
        [b'D', b'D', b'S', b' ', 124, 0, 0, 0, ..] => "a texture of DirectX (DDS)",
        [
            b'q',
            b'o',
            b'i',
            b'f',
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            3 | 4,
            0 | 1,
            ..,
        ] => "a QOI picture",
        [0xd7, 0xcd, 0xc6, 0x9a, ..] | [1 | 2, 0, 9, 0, 0, 1 | 3, ..] => {
            "a drawing of Windows (WMF)"
        }
        [1, 0, 0, 0, ..] if has(METAFILE_AT, b" EMF") => "a drawing of Windows (EMF)",
        [0x01, 0xda, 0 | 1, 1 | 2, ..] => "a picture of SGI's",
        [b'B', b'P', b'G', 0xfb, ..] => "a BPG picture",
        _ if has(DICOM_AT, b"DICM") => "a medical picture (DICOM)",
        _ if has(0, b"gimp xcf ") => "a document of GIMP (XCF)",
        _ if has(0, b"#?RADIANCE") || has(0, b"#?RGBE") => "a Radiance picture (HDR)",
        _ if has(0, b"AT&TFORM") => "a DjVu document",
        _ if has(0, b"SIMPLE  =") => "a picture of astronomy (FITS)",
        _ if has(0, b"FLIF") => "a FLIF picture",
        _ => return None,
    })
}

/// It has one byte of a mark, and a header of which little else fits.
fn is_pcx(bytes: &[u8]) -> bool {
    const RESERVED_AT: usize = 64;
    const PLANES_AT: usize = 65;
    let begins = matches!(bytes, [0x0a, 0 | 2..=5, 1, 1 | 2 | 4 | 8, ..]);
    let has_planes = matches!(bytes.get(PLANES_AT), Some(1..=4));
    begins && has_planes && bytes.get(RESERVED_AT) == Some(&0)
}

/// What a clipboard holds: the header alone, with one plane of so many bits.
fn is_bare_bitmap(bytes: &[u8]) -> bool {
    let begins = matches!(bytes, [40 | 108 | 124, 0, 0, 0, ..]);
    let planes = bytes.get(12..16);
    begins && matches!(planes, Some([1, 0, 1 | 4 | 8 | 16 | 24 | 32, 0]))
}
