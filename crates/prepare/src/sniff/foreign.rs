//! Names what is not read, so that a sender knows what he sent.

use common::fault::Reason;

use super::{Foreign, brands, is_riff};

/// So far a text is looked through.
const LOOKED_AT_BYTES: usize = 4 << 10;
/// Characters of a page's title that are told.
const MOST_TITLE: usize = 60;

pub fn name(bytes: &[u8]) -> Foreign {
    by_signature(bytes)
        .or_else(|| brands::film(bytes))
        .or_else(|| by_text(bytes))
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
        [0, 0, 1 | 2, 0, _, 0, ..] => (Reason::Icon, "a Windows icon"),
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

/// Only text has no control characters but blanks and ends of lines. A letter may be cut in two at the end.
fn by_text(bytes: &[u8]) -> Option<Foreign> {
    let head = &bytes[..bytes.len().min(LOOKED_AT_BYTES)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let lower = text.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    if head.iter().any(|byte| *byte < 9) {
        return None;
    }
    if begins(&["<!doctype html", "<html", "<head", "<body"]) || lower.contains("<html") {
        return Some(Foreign::new(Reason::Html, page(text, &lower)));
    }
    if begins(&["<svg"]) || (begins(&["<?xml", "<!--", "<!doctype"]) && lower.contains("<svg")) {
        return Some(Foreign::new(Reason::Svg, "an SVG drawing"));
    }
    if begins(&["<"]) {
        return Some(Foreign::new(Reason::Xml, "an XML document"));
    }
    if begins(&["{", "["]) {
        return Some(Foreign::new(Reason::Json, "a JSON document"));
    }
    let is_text = std::str::from_utf8(head)
        .map_or_else(|error| error.valid_up_to() + 4 > head.len(), |_| true);
    is_text.then(|| Foreign::new(Reason::Text, "plain text"))
}

/// An error page says in its title what went wrong: "Sign in", "403 Forbidden".
fn page(text: &str, lower: &str) -> String {
    match title(text, lower) {
        Some(title) => format!("an HTML page, titled “{title}”"),
        None => "an HTML page".to_owned(),
    }
}

fn title(text: &str, lower: &str) -> Option<String> {
    let at = lower.find("<title")?;
    let from = at + lower[at..].find('>')? + 1;
    let to = lower[from..]
        .find("</title")
        .map_or(text.len(), |length| from + length);
    let words: Vec<&str> = text[from..to].split_whitespace().collect();
    let title: String = words
        .join(" ")
        .chars()
        .filter(|it| !it.is_control())
        .take(MOST_TITLE)
        .collect();
    (!title.is_empty()).then_some(title)
}
