//! Names what is not read, so that a sender knows what he sent.

use common::fault::Reason;

use super::{Foreign, brands, is_riff, pictures, text, wrapped};

pub fn name(bytes: &[u8]) -> Foreign {
    by_signature(bytes)
        .or_else(|| brands::film(bytes))
        .or_else(|| by_place(bytes))
        .or_else(|| pictures::name(bytes))
        .or_else(|| wrapped::name(bytes))
        .or_else(|| text::name(bytes))
        .unwrap_or_else(|| Foreign::new(Reason::Unknown, "of no format that is known here"))
}

fn by_signature(bytes: &[u8]) -> Option<Foreign> {
    let (reason, what) = match bytes {
        [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] | [0xff, 0x0a, ..] => {
            (Reason::JpegXl, "a JPEG XL picture")
        }
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => {
            (Reason::Jpeg2000, "a JPEG 2000 picture")
        }
        [0x76, 0x2f, 0x31, 0x01, ..] => (Reason::Exr, "an OpenEXR picture"),
        [b'8', b'B', b'P', b'S', ..] => (Reason::Psd, "a Photoshop document"),
        _ if is_icon(bytes) => (Reason::Icon, "a Windows icon"),
        [b'i', b'c', b'n', b's', ..] => (Reason::Icon, "an icon of macOS (ICNS)"),
        [0, b'M', b'R', b'M', ..] => (Reason::CameraRaw, "a camera RAW of Minolta (MRW)"),
        _ if is_pnm(bytes) => (Reason::Unknown, "a picture of Netpbm (PBM, PGM or PPM)"),
        [0, 5, 0x16, 0, 0 | 7, ..] | [0, 5, 0x16, 7, ..] => (
            Reason::Unknown,
            "what macOS keeps beside a file (AppleDouble, called `._` and the file's name), and not the file itself",
        ),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => (
            Reason::Unknown,
            "a file of Windows or of old Office (Thumbs.db, .doc, .xls)",
        ),
        [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => {
            (Reason::Video, "a Windows Media film (WMV)")
        }
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, ..] => (Reason::Archive, "a bzip2 archive"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => (Reason::Archive, "an xz archive"),
        [b'F', b'O', b'V', b'b', ..] => (Reason::CameraRaw, "a camera RAW of Sigma (X3F)"),
        [b'%', b'P', b'D', b'F', ..] => (Reason::Pdf, "a PDF document"),
        [b'%', b'!', b'P', b'S', ..] => (Reason::Pdf, "a PostScript document"),
        [b'P', b'K', 3 | 5, 4 | 6, ..] => (Reason::Archive, "a ZIP archive"),
        [0x1f, 0x8b, ..] => (Reason::Archive, "a gzip archive"),
        [b'7', b'z', 0xbc, 0xaf, ..] => (Reason::Archive, "a 7z archive"),
        [b'R', b'a', b'r', b'!', ..] => (Reason::Archive, "a RAR archive"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => (Reason::Archive, "a zstd archive"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => (Reason::Video, "a Matroska or WebM film"),
        [b'F', b'L', b'V', 1, ..] => (Reason::Video, "a Flash film"),
        [0, 0, 1, 0xb3 | 0xba, ..] => (Reason::Video, "an MPEG film"),
        [b'I', b'D', b'3', ..] | [0xff, 0xfb | 0xf3, ..] => (Reason::Audio, "an MP3 sound file"),
        [b'O', b'g', b'g', b'S', ..] => (Reason::Audio, "an Ogg sound file"),
        _ if is_riff(bytes, b"AVI ") => (Reason::Video, "an AVI film"),
        _ if is_riff(bytes, b"WAVE") => (Reason::Audio, "a WAVE sound file"),
        _ => return None,
    };
    Some(Foreign::new(reason, what))
}

/// What is known by bytes that stand further behind.
fn by_place(bytes: &[u8]) -> Option<Foreign> {
    const TAR_AT: usize = 257;
    let has = |at: usize, word: &[u8]| bytes.get(at..).is_some_and(|it| it.starts_with(word));
    if has(6, b"HEAPCCDR") {
        let what = "a camera RAW of an early Canon (CRW)";
        return Some(Foreign::new(Reason::CameraRaw, what));
    }
    if has(TAR_AT, b"ustar") {
        return Some(Foreign::new(Reason::Archive, "a tar archive"));
    }
    if is_transport_stream(bytes) {
        return Some(Foreign::new(
            Reason::Video,
            "an MPEG film (transport stream)",
        ));
    }
    is_targa(bytes).then(|| Foreign::new(Reason::Unknown, "a Targa picture (TGA)"))
}

/// Each packet begins with the same byte; cameras put the time before it. Two packets alone have to be all there is.
fn is_transport_stream(bytes: &[u8]) -> bool {
    const PACKET_BYTES: usize = 188;
    const TIME_BYTES: usize = 4;
    const ENOUGH: usize = 3;
    let is_in_packets = |first: usize, length: usize| {
        let packets = (bytes.len() / length).min(ENOUGH);
        let is_whole = packets == ENOUGH || bytes.len() == packets * length;
        let begins = |packet: usize| bytes.get(first + packet * length) == Some(&0x47);
        packets > 1 && is_whole && (0..packets).all(begins)
    };
    is_in_packets(0, PACKET_BYTES) || is_in_packets(TIME_BYTES, TIME_BYTES + PACKET_BYTES)
}

/// It has no mark at its beginning, but a header of which little else fits.
fn is_targa(bytes: &[u8]) -> bool {
    if bytes.ends_with(b"TRUEVISION-XFILE.\0") {
        return true;
    }
    let Some([_, palette, kind, rest @ ..]) = bytes.first_chunk::<18>() else {
        return false;
    };
    let has_pixels = rest[9..13].chunks(2).all(|side| side != [0, 0]);
    let fits = match (palette, kind) {
        (1, 1 | 9) => matches!(rest[4], 15 | 16 | 24 | 32) && rest[13] == 8,
        (0, 2 | 10) => rest[..5] == [0; 5] && matches!(rest[13], 15 | 16 | 24 | 32),
        (0, 3 | 11) => rest[..5] == [0; 5] && matches!(rest[13], 8 | 16),
        _ => false,
    };
    // Two bits are of no meaning, and nobody sets them.
    fits && has_pixels && rest[14] & 0xc0 == 0
}

fn is_pnm(bytes: &[u8]) -> bool {
    let [b'P', kind, blank, ..] = bytes else {
        return false;
    };
    let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'#';
    match kind {
        b'1'..=b'6' => {
            ends(blank)
                && bytes[2..]
                    .iter()
                    .take(4)
                    .any(|it| it.is_ascii_digit() || *it == b'#')
        }
        b'7' => bytes.starts_with(b"P7\nWIDTH") || bytes.starts_with(b"P7\n#"),
        _ => false,
    }
}

/// How many pictures there are, and the size and place of the first one.
fn is_icon(bytes: &[u8]) -> bool {
    let Some([0, 0, 1 | 2, 0, low, high, rest @ ..]) = bytes.first_chunk::<22>() else {
        return false;
    };
    let count = u16::from_le_bytes([*low, *high]);
    let reserved = rest[3];
    let place = u32::from_le_bytes([rest[12], rest[13], rest[14], rest[15]]);
    count > 0 && reserved == 0 && place >= 6 + 16 * u32::from(count)
}
