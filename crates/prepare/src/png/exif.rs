//! A PNG's Exif: in a chunk for it, or in the text in which older programs kept the same.

use std::{borrow::Cow, io::Read};

use flate2::read::ZlibDecoder;
use image::metadata::Orientation;

use super::chunks;
use crate::ifd;

/// As older programs name it: in hexadecimal, after a name and a length.
const RAW_PROFILES: [&[u8]; 2] = [b"Raw profile type exif\0", b"Raw profile type APP1\0"];
/// More than cameras write, thumbnail included.
const MOST_BYTES: u64 = 256 << 10;

pub fn orientation(png: &[u8]) -> Option<Orientation> {
    exif(png).find_map(|tiff| ifd::orientation(&tiff))
}

/// Returns the directories that a PNG has: those in chunks of their own first.
pub fn exif(png: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let in_chunks = chunks::chunks(png)
        .filter(|(name, _)| *name == b"eXIf")
        .map(|(_, body)| Cow::Borrowed(ifd::without_name(body)));
    let in_texts = chunks::chunks(png)
        .filter_map(|(name, body)| profile(name, body))
        .map(|body| Cow::Owned(ifd::without_name(&body).to_vec()));
    in_chunks.chain(in_texts)
}

fn profile(name: &[u8; 4], body: &[u8]) -> Option<Vec<u8>> {
    let text = RAW_PROFILES
        .iter()
        .find_map(|keyword| body.strip_prefix(*keyword))?;
    let text = match name {
        b"tEXt" => text.to_vec(),
        b"zTXt" => inflated(text.get(1..)?),
        _ => return None,
    };
    // A line that is empty, one with the name, one with the length.
    let mut lines = text.splitn(4, |byte| *byte == b'\n');
    let digits = lines.nth(3)?;
    let digits: Vec<u8> = digits
        .iter()
        .filter_map(|digit| (*digit as char).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    let (pairs, _) = digits.as_chunks::<2>();
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn inflated(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // What came before it broke is enough.
    let _ = ZlibDecoder::new(data)
        .take(MOST_BYTES)
        .read_to_end(&mut text);
    text
}
