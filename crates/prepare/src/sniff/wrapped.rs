//! Pictures that a transfer or a program has spoilt: taken for text on their way, or with text before them.

use common::fault::Reason;

use super::Foreign;

/// So far a picture is looked for behind a text.
const LOOKED_AT_BYTES: usize = 4 << 10;

/// What a byte becomes that is no UTF-8.
const REPLACED: &[u8] = "\u{fffd}".as_bytes();

const AS_TEXT_PNG: &str =
    "a PNG that a program has read as text and written as UTF-8: its bytes are lost";
const AS_TEXT_JPEG: &str =
    "a JPEG that a program has read as text and written as UTF-8: its bytes are lost";

pub fn name(bytes: &[u8]) -> Option<Foreign> {
    let what = changed(bytes)
        .map(str::to_owned)
        .or_else(|| behind_text(bytes))?;
    Some(Foreign::new(Reason::Text, what))
}

/// PNG's signature holds each kind of an end of line, so that such a change shows.
fn changed(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89 | 0x09, b'P', b'N', b'G', b'\r' | b'\n', ..] => Some(
            "a PNG whose bytes were changed on their way (ends of lines, as by a transfer in text mode): send it in binary mode",
        ),
        [0xc2, 0x89, b'P', b'N', b'G', ..] => Some(AS_TEXT_PNG),
        [0xc3, 0xbf, 0xc3, 0x98, 0xc3, 0xbf, ..] => Some(AS_TEXT_JPEG),
        _ => replaced(bytes),
    }
}

fn replaced(bytes: &[u8]) -> Option<&'static str> {
    const SEGMENT_BYTES: usize = 20;
    let rest = bytes.strip_prefix(REPLACED)?;
    if rest.starts_with(b"PNG") {
        return Some(AS_TEXT_PNG);
    }
    let rest = rest.strip_prefix(REPLACED)?.strip_prefix(REPLACED)?;
    let segment = &rest[..rest.len().min(SEGMENT_BYTES)];
    let has = |word: &[u8]| segment.windows(word.len()).any(|it| it == word);
    (has(b"JFIF") || has(b"Exif")).then_some(AS_TEXT_JPEG)
}

/// A text has no control characters but blanks and ends of lines.
fn behind_text(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(LOOKED_AT_BYTES)];
    let is_text = |byte: &u8| *byte >= 9;
    let length = head.iter().take_while(|byte| is_text(byte)).count();
    let at = (1..=length).find(|at| picture(&bytes[*at..]).is_some())?;
    let what = picture(&bytes[at..])?;
    let before = bytes[..at].trim_ascii_start();
    let why = if before.starts_with(b"HTTP/") {
        "the headers of an HTTP response".to_owned()
    } else if before.starts_with(b"--") || before.starts_with(b"Content-") {
        "the headers of a form (multipart/form-data), whose content type is missing".to_owned()
    } else {
        format!("{at} bytes of text, such as a warning that a script has printed")
    };
    Some(format!("{what} behind {why}"))
}

fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("a JPEG"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("a PNG"),
        // Texts speak of these two as well. The picture goes on with bytes that no text has.
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', rest @ ..] if has_marks(rest) => Some("a GIF"),
        [b'R', b'I', b'F', b'F', size @ ..] if size.get(4..8) == Some(b"WEBP") => Some("a WebP"),
        _ => None,
    }
}

fn has_marks(bytes: &[u8]) -> bool {
    bytes.iter().take(8).any(|byte| *byte < 9)
}
