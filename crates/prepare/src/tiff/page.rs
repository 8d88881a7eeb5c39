//! Which of a file's pages is its picture.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use tiff::{ColorType, TiffError, TiffResult, TiffUnsupportedError, decoder::Decoder, tags::Tag};

use super::limited;
use crate::Limits;

/// More pages are not looked at.
const MOST_PAGES: usize = 24;

/// Nor are more entries of a directory.
const MOST_ENTRIES: usize = 1_000;

/// Types of whole numbers.
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Bits of a page's kind: a smaller copy of another page, or its mask.
const REDUCED: u32 = 1;
const MASK: u32 = 4;
/// The same in old files.
const OLD_REDUCED: u32 = 2;

pub type Tiff<'a> = Decoder<Bytes<'a>>;

/// The file, as the decoder is to see it. Of what ends early, a cursor alone would give nothing.
pub struct Bytes<'a> {
    file: Cursor<&'a [u8]>,
    /// Whether the lowest bit of a byte comes first. Strips and tiles may have it so, and directories never do.
    pub is_mirrored: bool,
    replaced: Option<Replaced>,
}

/// One byte that is read as another one.
#[derive(Clone, Copy)]
struct Replaced {
    at: u64,
    by: u8,
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from = self.file.position();
        let length = self.file.read(buffer)?;
        let bytes = &mut buffer[..length];
        if let Some(Replaced { at, by }) = self.replaced {
            let place = at.checked_sub(from).map(|place| place as usize);
            if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
                *byte = by;
            }
        }
        if self.is_mirrored {
            bytes
                .iter_mut()
                .for_each(|byte| *byte = byte.reverse_bits());
        }
        Ok(length)
    }
}

impl Seek for Bytes<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// At the first page that is neither a smaller copy nor a mask; at the first one of all, if each is.
pub fn open<'a>(file: &'a [u8], limits: &Limits) -> TiffResult<Tiff<'a>> {
    open_with(None, file, limits)
}

/// Opens the page of `tiff` once more, so that the decoder takes its samples for bands without meaning. It gives each of
/// them then as it is: numbers of a palette, or what lies beside the colours.
pub fn open_in_bands<'a>(
    tiff: &mut Tiff<'_>,
    file: &'a [u8],
    limits: &Limits,
) -> TiffResult<Tiff<'a>> {
    const BLACK_IS_ZERO: u8 = 1;
    let directory = tiff.ifd_pointer().map(|pointer| pointer.0 as usize);
    let at = directory.and_then(|directory| colours_at(file, directory));
    let replaced = at.map(|at| Replaced {
        at,
        by: BLACK_IS_ZERO,
    });
    let mut opened = open_with(replaced, file, limits)?;
    // A directory may tell its colours twice, or where nobody looks. What the decoder then gives is not what is asked for.
    match opened.colortype()? {
        ColorType::Gray(_) | ColorType::GrayA(_) | ColorType::Multiband { .. } => Ok(opened),
        _ => Err(TiffError::UnsupportedError(
            TiffUnsupportedError::UnknownInterpretation,
        )),
    }
}

fn open_with<'a>(
    replaced: Option<Replaced>,
    file: &'a [u8],
    limits: &Limits,
) -> TiffResult<Tiff<'a>> {
    let mut tiff = begin(replaced, file, limits)?;
    for _ in 0..MOST_PAGES {
        if !is_beside_another(&mut tiff) {
            return Ok(tiff);
        }
        if !tiff.more_images() || tiff.next_image().is_err() {
            break;
        }
    }
    begin(replaced, file, limits)
}

fn begin<'a>(replaced: Option<Replaced>, file: &'a [u8], limits: &Limits) -> TiffResult<Tiff<'a>> {
    let bytes = Bytes {
        file: Cursor::new(file),
        is_mirrored: false,
        replaced,
    };
    Ok(Decoder::new(bytes)?.with_limits(limited(limits)))
}

/// Where a directory says what its colours mean: the byte that differs between all kinds.
pub fn colours_at(file: &[u8], directory: usize) -> Option<u64> {
    const BIG: u8 = 43;
    let is_big_endian = file.starts_with(b"MM");
    let is_big = file.get(2..4)?.contains(&BIG);
    let count_bytes = if is_big { 8 } else { 2 };
    let entry_bytes = if is_big { 20 } else { 12 };
    let value_at = if is_big { 12 } else { 8 };
    let first = directory.checked_add(count_bytes)?;
    let entries = file.get(first..)?.chunks_exact(entry_bytes);
    let number = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1]];
        if is_big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    };
    let wanted = Tag::PhotometricInterpretation.to_u16();
    let is_wanted = |entry: &[u8]| number(entry) == wanted;
    let (place, entry) = entries
        .take(MOST_ENTRIES)
        .enumerate()
        .find(|(_, entry)| is_wanted(entry))?;
    let value_bytes = match number(&entry[2..]) {
        BYTE => 1,
        SHORT => 2,
        LONG => 4,
        _ => return None,
    };
    let lowest = if is_big_endian { value_bytes - 1 } else { 0 };
    Some((first + place * entry_bytes + value_at + lowest) as u64)
}

fn is_beside_another(tiff: &mut Tiff<'_>) -> bool {
    let mut number = |tag| -> u32 {
        let told = tiff.find_tag_unsigned(tag).unwrap_or_default();
        told.unwrap_or_default()
    };
    number(Tag::NewSubfileType) & (REDUCED | MASK) != 0 || number(Tag::SubfileType) == OLD_REDUCED
}
