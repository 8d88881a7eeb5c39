//! The largest JPEG inside a file, wherever its maker has put it: each keeps the places in directories of his own.

use std::collections::HashSet;

use crate::jpeg::markers;

/// What cameras show in their lists is no larger.
const THUMBNAIL_PX: u32 = 320;
/// A file that holds more beginnings of JPEGs is no camera's.
const MOST_CANDIDATES: usize = 4_096;

const SOI: [u8; 3] = [0xff, 0xd8, 0xff];

pub struct Preview<'a> {
    pub width: u32,
    pub height: u32,
    /// From its first byte to the end of the file.
    pub jpeg: &'a [u8],
}

impl Preview<'_> {
    pub fn is_a_thumbnail(&self) -> bool {
        self.width.max(self.height) <= THUMBNAIL_PX
    }

    fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// `pieces`: where JPEGs begin that are parts of a picture.
pub fn largest<'a>(file: &'a [u8], pieces: &HashSet<usize>) -> Option<Preview<'a>> {
    beginnings(file)
        .filter(|at| !pieces.contains(at))
        .take(MOST_CANDIDATES)
        .filter_map(|at| preview(&file[at..]))
        .max_by_key(Preview::pixels)
}

fn beginnings(file: &[u8]) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + file.get(from..)?.iter().position(|byte| *byte == SOI[0])?;
            from = at + 1;
            if file[at..].starts_with(&SOI) {
                return Some(at);
            }
        }
    })
}

/// Nothing for what is lossless: that is the sensor's data, packed.
fn preview(jpeg: &[u8]) -> Option<Preview<'_>> {
    let (marker, body) = markers::segments(jpeg).find(|(marker, _)| markers::is_frame(*marker))?;
    let [8, h1, h0, w1, w0, ..] = *body else {
        return None;
    };
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    matches!(marker, 0xc0..=0xc2).then_some(Preview {
        width: side(w1, w0),
        height: side(h1, h0),
        jpeg,
    })
}
