//! Base64 in all the forms in which clients have it at hand.

use ::base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    stage::Stage,
};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::RequireNone)
    .with_decode_allow_trailing_bits(true);
const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// A browser's `data:image/png;base64,` may stand before it; line breaks within it, and the alphabet for URLs, are read too.
/// So are blanks that were `+`.
pub fn from_base64(text: String) -> Result<Bytes, Fault> {
    let mut base64 = text.into_bytes();
    let start = prefix_length(&base64)?;
    base64.drain(..start);
    restore_plus_signs(&mut base64);
    base64.retain(|byte| !byte.is_ascii_whitespace());
    let length = base64
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    base64.truncate(length);
    for byte in &mut base64 {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    match ENGINE.decode(&base64) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(invalid(&why(&base64, error))),
    }
}

/// Where a form's field was not encoded, a reader has made a blank of each `+`. A blank within a line is that sign again. That
/// can only be where no `+` is left. Where blanks join lines of one length, what is left without them is whole.
fn restore_plus_signs(base64: &mut [u8]) {
    if base64.iter().any(|byte| matches!(byte, b'+' | b'-' | b'_')) {
        return;
    }
    let signs = base64.iter().filter(|byte| !byte.is_ascii_whitespace());
    let is_whole = signs.count().is_multiple_of(4);
    for line in base64.split_mut(|byte| matches!(byte, b'\n' | b'\r')) {
        let start = line.len() - line.trim_ascii_start().len();
        let end = line.trim_ascii_end().len();
        let Some(line) = line.get_mut(start..end) else {
            continue;
        };
        let joins_lines = is_whole && is_joined(line);
        if !joins_lines {
            let blanks = line.iter_mut().filter(|byte| **byte == b' ');
            blanks.for_each(|blank| *blank = b'+');
        }
    }
}

/// Whether it is pieces of one length, but for the last one, as the lines of every tool are.
fn is_joined(line: &[u8]) -> bool {
    let mut pieces = line.split(|byte| *byte == b' ');
    let first = pieces.next().unwrap_or_default().len();
    let Some(last) = pieces.next_back() else {
        return true;
    };
    let is_even = first > 0 && pieces.all(|piece| piece.len() == first);
    is_even && (1..=first).contains(&last.len())
}

fn prefix_length(text: &[u8]) -> Result<usize, Fault> {
    let start = text.len() - text.trim_ascii_start().len();
    let is_data = text[start..]
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"));
    if !is_data {
        return Ok(0);
    }
    // Media types are short; the comma of a broken one is not looked for in all of an image.
    let head = &text[start..text.len().min(start + 256)];
    let comma = head.iter().position(|byte| *byte == b',');
    let comma = comma.filter(|comma| head[..*comma].to_ascii_lowercase().ends_with(b";base64"));
    match comma {
        Some(comma) => Ok(start + comma + 1),
        None => Err(invalid(
            "begins as a data: URL, and not as one in base64 (`data:image/png;base64,`)",
        )),
    }
}

fn why(base64: &[u8], error: base64::DecodeError) -> String {
    match error {
        base64::DecodeError::InvalidByte(at, byte) => {
            let sign = match byte.is_ascii_graphic() {
                true => format!("\u{201c}{}\u{201d}", char::from(byte)),
                false => format!("byte {byte}"),
            };
            format!("is not base64: {sign} at character {}", at + 1)
        }
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidLastSymbol(..) => {
            let length = base64.len();
            format!("is not whole base64: it ends too early, after {length} characters")
        }
        base64::DecodeError::InvalidPadding => {
            "is not base64: its padding (`=`) is wrong".to_owned()
        }
    }
}

fn invalid(why: &str) -> Fault {
    Fault::new(
        Code::InvalidRequest,
        Stage::Fetch,
        format!("image.content {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_base64_is_the_same_bytes() {
        let bytes = [0xfb, 0xff, 0xfe, 0x00];
        for text in [
            "+//+AA==",
            "+//+AA",
            "-__-AA",
            "+//+\r\nAA==\n",
            " data:image/png;base64,+//+AA==",
            "DATA:image/svg+xml;charset=utf-8;BASE64,-__-AA",
            "data:;base64,+//+AA=",
        ] {
            let decoded = from_base64(text.to_owned());
            assert_eq!(decoded.as_deref(), Ok(&bytes[..]), "{text}");
        }
    }

    #[test]
    fn blanks_are_plus_signs_unless_they_join_lines() {
        for text in [
            "/   AA==",
            "\t/   AA==",
            "data:image/png;base64,/   AA==",
            "  /   AA==\r\n  ",
        ] {
            let decoded = from_base64(text.to_owned());
            assert_eq!(decoded.as_deref(), Ok(&[0xff, 0xef, 0xbe, 0][..]), "{text}");
        }
        let bytes: Vec<u8> = (0..=255).cycle().take(4_000).collect();
        let whole = ENGINE.encode(&bytes);
        assert!(whole.contains('+') && whole.len() > 4_000);
        let read = |text| assert_eq!(from_base64(text).as_deref(), Ok(&bytes[..]));
        read(whole.replace('+', " "));
        for width in [50, 64, 70, 76, 78] {
            let lines: Vec<_> = whole
                .as_bytes()
                .chunks(width)
                .map(String::from_utf8_lossy)
                .collect();
            for between in [" ", "  ", "         ", "\r\n\t", "\n    "] {
                read(lines.join(between));
            }
        }
        // Without a `+` at all, too.
        let zeros = [0; 300];
        let lines = ENGINE.encode(zeros).into_bytes();
        let lines: Vec<_> = lines.chunks(76).map(String::from_utf8_lossy).collect();
        assert_eq!(from_base64(lines.join(" ")).as_deref(), Ok(&zeros[..]));
    }

    #[test]
    fn what_is_no_base64_is_said() {
        for (text, said) in [
            ("ab*d", "\u{201c}*\u{201d} at character 3"),
            ("abcde", "ends too early"),
            ("data:image/png,abcd", "data: URL"),
            ("data:image/png;base64", "data: URL"),
            ("=abc", "base64"),
        ] {
            let fault = from_base64(text.to_owned()).expect_err("is wrong");
            assert!(fault.detail.contains(said), "{}", fault.detail);
        }
    }
}
