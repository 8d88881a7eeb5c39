//! Which of a file's pages is its picture.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use tiff::{TiffResult, decoder::Decoder, tags::Tag};

use super::limited;
use crate::Limits;

/// More pages are not looked at.
const MOST_PAGES: usize = 24;

/// Bits of a page's kind: a smaller copy of another page, or its mask.
const REDUCED: u32 = 1;
const MASK: u32 = 4;
/// The same in old files.
const OLD_REDUCED: u32 = 2;

pub type Tiff<'a> = Decoder<Bytes<'a>>;

/// The file. Of what ends early, a cursor alone would give nothing.
pub struct Bytes<'a>(Cursor<&'a [u8]>);

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Bytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// At the first page that is neither a smaller copy nor a mask; at the first one of all, if each is.
pub fn open<'a>(file: &'a [u8], limits: &Limits) -> TiffResult<Tiff<'a>> {
    let mut tiff = begin(file, limits)?;
    for _ in 0..MOST_PAGES {
        if !is_beside_another(&mut tiff) {
            return Ok(tiff);
        }
        if !tiff.more_images() || tiff.next_image().is_err() {
            break;
        }
    }
    begin(file, limits)
}

fn begin<'a>(file: &'a [u8], limits: &Limits) -> TiffResult<Tiff<'a>> {
    Ok(Decoder::new(Bytes(Cursor::new(file)))?.with_limits(limited(limits)))
}

fn is_beside_another(tiff: &mut Tiff<'_>) -> bool {
    let mut number = |tag| -> u32 {
        let told = tiff.find_tag_unsigned(tag).unwrap_or_default();
        told.unwrap_or_default()
    };
    number(Tag::NewSubfileType) & (REDUCED | MASK) != 0 || number(Tag::SubfileType) == OLD_REDUCED
}
