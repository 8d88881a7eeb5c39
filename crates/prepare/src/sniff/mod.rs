//! What a file is, by its first bytes. Names and content types are wishes.

mod brands;
mod foreign;
mod pictures;
#[cfg(test)]
mod tests;
mod text;
mod wrapped;

use common::{
    fault::{Code, Fault, Reason},
    image::Format,
};

use crate::{fault, raw};

/// What is read here, for whoever sent something else.
pub const READABLE: &str =
    "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC, AVIF and previews of camera RAW are read here.";

/// Something that is not read.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    pub reason: Reason,
    /// With its article: "a PDF document".
    pub what: String,
}

impl Foreign {
    fn new(reason: Reason, what: impl Into<String>) -> Self {
        Self {
            reason,
            what: what.into(),
        }
    }
}

/// The format, or a fault that says what came instead.
pub fn sniff(bytes: &[u8]) -> Result<Format, Fault> {
    if bytes.is_empty() {
        return Err(fault(Code::EmptyImage, "The image has no bytes."));
    }
    if let Some(format) = readable(bytes) {
        return Ok(format);
    }
    let Foreign { reason, what } = foreign::name(bytes);
    let detail = format!("These bytes are {what}. {READABLE}");
    Err(fault(Code::UnsupportedFormat, detail).because(reason))
}

fn readable(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'B', b'M', ..] if is_bmp(bytes) => Some(Format::Bmp),
        _ if is_riff(bytes, b"WEBP") => Some(Format::WebP),
        _ if raw::is_camera_raw(bytes) => Some(Format::Raw),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Some(Format::Tiff),
        _ => brands::readable(bytes),
    }
}

fn is_riff(bytes: &[u8], kind: &[u8; 4]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(kind)
}

/// Many a text begins with `BM`: the size of the header that follows decides.
fn is_bmp(bytes: &[u8]) -> bool {
    matches!(
        bytes.get(14..18),
        Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
    )
}
