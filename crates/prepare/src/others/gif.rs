//! Where a GIF's frames lie, found without decoding any.

use std::borrow::Cow;

/// Signature, size and what colours there are.
const HEADER_BYTES: usize = 13;
const WIDTH_AT: usize = 6;
const HEIGHT_AT: usize = 8;
const FLAGS_AT: usize = 10;

/// On the screen, in pixels.
pub struct Frame {
    left: u16,
    top: u16,
    width: u16,
    height: u16,
}

/// Up to where the file ends, or is nonsense.
pub fn frames(gif: &[u8]) -> impl Iterator<Item = Frame> {
    let mut blocks = Blocks {
        rest: gif.get(HEADER_BYTES..).unwrap_or_default(),
    };
    let has_colours = gif
        .get(FLAGS_AT)
        .and_then(|flags| blocks.skip_colours(*flags));
    let mut is_open = has_colours.is_some();
    std::iter::from_fn(move || {
        while is_open {
            let Some(block) = blocks.next() else {
                is_open = false;
                break;
            };
            if let Block::Frame(frame) = block {
                return Some(frame);
            }
        }
        None
    })
}

/// The file with a screen that has room for its first frame: many a program has told no size or too small a one, and
/// viewers show all of the frame.
pub fn with_room(gif: &[u8]) -> Cow<'_, [u8]> {
    let side = |at: usize| {
        let bytes = gif.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    };
    let Some(first) = frames(gif).next() else {
        return Cow::Borrowed(gif);
    };
    let right = first.left.saturating_add(first.width);
    let bottom = first.top.saturating_add(first.height);
    if right <= side(WIDTH_AT) && bottom <= side(HEIGHT_AT) {
        return Cow::Borrowed(gif);
    }
    let width = right.max(side(WIDTH_AT));
    let height = bottom.max(side(HEIGHT_AT));
    let mut grown = gif.to_vec();
    grown[WIDTH_AT..HEIGHT_AT].copy_from_slice(&width.to_le_bytes());
    grown[HEIGHT_AT..FLAGS_AT].copy_from_slice(&height.to_le_bytes());
    Cow::Owned(grown)
}

enum Block {
    Extension,
    Frame(Frame),
}

/// Where blocks are read.
struct Blocks<'a> {
    rest: &'a [u8],
}

impl Blocks<'_> {
    /// Nothing at the end, or at nonsense. A frame counts as soon as its place is told.
    fn next(&mut self) -> Option<Block> {
        match *self.rest {
            [0x21, _, ..] => {
                self.skip(2)?;
                self.skip_data()?;
                Some(Block::Extension)
            }
            [0x2c, l0, l1, t0, t1, w0, w1, h0, h1, flags, ..] => {
                let frame = Frame {
                    left: u16::from_le_bytes([l0, l1]),
                    top: u16::from_le_bytes([t0, t1]),
                    width: u16::from_le_bytes([w0, w1]),
                    height: u16::from_le_bytes([h0, h1]),
                };
                if self.skip_frame(flags).is_none() {
                    self.rest = &[];
                }
                Some(Block::Frame(frame))
            }
            _ => None,
        }
    }

    fn skip_frame(&mut self, flags: u8) -> Option<()> {
        self.skip(10)?;
        self.skip_colours(flags)?;
        self.skip(1)?;
        self.skip_data()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }

    fn skip_colours(&mut self, flags: u8) -> Option<()> {
        if flags & 0x80 == 0 {
            Some(())
        } else {
            self.skip(3 << ((flags & 7) + 1))
        }
    }

    /// Sub-blocks, each with its length before it, until an empty one.
    fn skip_data(&mut self) -> Option<()> {
        loop {
            match *self.rest.first()? {
                0 => return self.skip(1),
                length => self.skip(1 + usize::from(length))?,
            }
        }
    }
}
