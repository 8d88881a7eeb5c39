//! The directories of TIFF, in which Exif and cameras keep what they know of a picture. Files that are damaged are read as far
//! as they go: a wrong entry hides neither those before it nor those behind.

use image::metadata::Orientation;

const ORIENTATION: u16 = 0x0112;

/// More entries than any directory has.
const MOST_ENTRIES: usize = 1_000;

/// A file, or what lies in another one, with its byte order.
#[derive(Clone, Copy)]
pub struct Tiff<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
    /// Where the first directory is.
    first: usize,
}

/// One entry of a directory.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    tiff: Tiff<'a>,
    pub tag: u16,
    kind: u16,
    count: u32,
    /// Where the four bytes are that hold the value, or its place.
    at: usize,
}

impl<'a> Tiff<'a> {
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let mut tiff = Self {
            bytes,
            is_big_endian,
            first: 0,
        };
        tiff.first = tiff.u32(4)? as usize;
        Some(tiff)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The entries of the directory at this place, up to where the bytes end.
    pub fn entries(self, at: usize) -> impl Iterator<Item = Entry<'a>> {
        let count = self.u16(at).unwrap_or(0);
        (0..usize::from(count).min(MOST_ENTRIES)).map_while(move |number| {
            let at = at.checked_add(2 + 12 * number)?;
            // An entry that is cut off has its value missing.
            self.bytes.get(at..at.checked_add(12)?)?;
            Some(Entry {
                tiff: self,
                tag: self.u16(at)?,
                kind: self.u16(at + 2)?,
                count: self.u32(at + 4)?,
                at: at + 8,
            })
        })
    }

    pub fn first(&self) -> usize {
        self.first
    }

    /// Where the next directory is.
    pub fn next(self, at: usize) -> Option<usize> {
        let entries = usize::from(self.u16(at)?);
        let next = self.u32(at.checked_add(2 + 12 * entries)?)? as usize;
        (next != 0).then_some(next)
    }
}

impl<'a> Entry<'a> {
    /// Bytes of one value: of a whole number of any type, signed or not, or of a place.
    fn width(&self) -> Option<usize> {
        match self.kind {
            1 | 2 | 6 | 7 => Some(1),
            3 | 8 => Some(2),
            4 | 9 | 13 => Some(4),
            _ => None,
        }
    }

    /// Its bytes, which are beside the directory if they are more than four.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        let length = self.width()?.checked_mul(self.count as usize)?;
        let at = if length <= 4 {
            self.at
        } else {
            self.tiff.u32(self.at)? as usize
        };
        self.tiff.bytes.get(at..at.checked_add(length)?)
    }

    /// The fractions that it holds, signed or not; nothing for one by zero.
    pub fn fractions(&self) -> impl Iterator<Item = Option<f64>> + use<'a> {
        const BYTES: usize = 8;
        let is_fraction = matches!(self.kind, 5 | 10);
        let count = if is_fraction { self.count as usize } else { 0 };
        let tiff = self.tiff;
        let start = tiff.u32(self.at).map_or(usize::MAX, |at| at as usize);
        (0..count).map_while(move |number| {
            let at = start.checked_add(number.checked_mul(BYTES)?)?;
            let above = tiff.u32(at)?;
            let below = tiff.u32(at.checked_add(4)?)?;
            Some((below != 0).then(|| f64::from(above) / f64::from(below)))
        })
    }

    /// The whole numbers that it holds.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<'a> {
        let width = self.width().unwrap_or(1);
        let is_big_endian = self.tiff.is_big_endian;
        let bytes = self.bytes().unwrap_or_default();
        bytes.chunks_exact(width).map(move |value| {
            let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
            if is_big_endian {
                value.iter().fold(0, add)
            } else {
                value.iter().rev().fold(0, add)
            }
        })
    }

    pub fn number(&self) -> Option<u32> {
        self.numbers().next()
    }
}

/// Returns a directory without the words before it, if there are any.
pub fn without_name(exif: &[u8]) -> &[u8] {
    let exif = exif.strip_prefix(b"Exif\0").unwrap_or(exif);
    exif.strip_prefix(b"\0").unwrap_or(exif)
}

/// Which way is up, by what Exif says, with or without the words before it. As it lies where that is missing or nonsense.
pub fn orientation(exif: &[u8]) -> Option<Orientation> {
    let tiff = Tiff::read(without_name(exif))?;
    let mut entries = tiff.entries(tiff.first);
    let value = entries.find(|entry| entry.tag == ORIENTATION)?.number()?;
    Orientation::from_exif(u8::try_from(value).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with one entry before the orientation, and its value in so many bytes.
    fn exif(is_big_endian: bool, kind: u16, value: &[u8]) -> Vec<u8> {
        let two = |number: u16| {
            if is_big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        let four = |number: u32| {
            if is_big_endian {
                number.to_be_bytes()
            } else {
                number.to_le_bytes()
            }
        };
        let mut file = if is_big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        file.extend(two(42));
        file.extend(four(8));
        file.extend(two(2));
        // A text that lies beyond the end of the file.
        file.extend([two(0x010f), two(2)].concat());
        file.extend([four(20), four(60_000)].concat());
        file.extend([two(ORIENTATION), two(kind)].concat());
        file.extend(four(1));
        let mut held = value.to_vec();
        held.resize(4, 0);
        file.extend(held);
        file
    }

    #[test]
    fn orientation_is_read_in_any_type_of_whole_number_and_byte_order() {
        let turned = Some(Orientation::Rotate90);
        for kind in [1, 6, 7] {
            assert_eq!(orientation(&exif(false, kind, &[6])), turned, "{kind}");
            assert_eq!(orientation(&exif(true, kind, &[6])), turned, "{kind}");
        }
        for kind in [3, 8] {
            assert_eq!(orientation(&exif(false, kind, &[6, 0])), turned, "{kind}");
            assert_eq!(orientation(&exif(true, kind, &[0, 6])), turned, "{kind}");
        }
        for kind in [4, 9] {
            assert_eq!(
                orientation(&exif(false, kind, &[6, 0, 0, 0])),
                turned,
                "{kind}"
            );
            assert_eq!(
                orientation(&exif(true, kind, &[0, 0, 0, 6])),
                turned,
                "{kind}"
            );
        }
        for prefix in [b"Exif\0\0".as_slice(), b"Exif\0", b""] {
            assert_eq!(
                orientation(&[prefix, &exif(false, 3, &[6, 0])].concat()),
                turned
            );
        }
    }

    #[test]
    fn nonsense_has_no_orientation_and_breaks_nothing() {
        for kind in [0, 5, 12, 99] {
            assert_eq!(orientation(&exif(false, kind, &[6, 0])), None, "{kind}");
        }
        for value in [0, 9, 200] {
            assert_eq!(orientation(&exif(false, 3, &[value, 0])), None, "{value}");
        }
        let whole = exif(true, 3, &[0, 6]);
        for length in 0..whole.len() {
            assert_eq!(orientation(&whole[..length]), None, "{length}");
        }
        let mut far = whole.clone();
        far[4..8].fill(0xff);
        assert_eq!(orientation(&far), None);
    }
}
