//! A decoded picture in the planes of its decoder, which are read where they lie.
#![allow(unsafe_code, reason = "the planes belong to libraries that are C")]

use std::{any::Any, slice};

/// How many samples of colour there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chroma {
    Mono,
    /// Half as many, across and down.
    Half,
    /// Half as many across.
    HalfAcross,
    Full,
}

impl Chroma {
    /// By how much it is coarser, across and down.
    pub fn shifts(self) -> (usize, usize) {
        match self {
            Self::Mono | Self::Full => (0, 0),
            Self::Half => (1, 1),
            Self::HalfAcross => (1, 0),
        }
    }
}

/// What numbers mean as colours (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cicp {
    pub primaries: u16,
    pub transfer: u16,
    pub matrix: u16,
    pub is_full_range: bool,
}

pub struct Plane {
    data: *const u8,
    stride: isize,
    pub width: usize,
    pub height: usize,
    is_wide: bool,
}

impl Plane {
    /// # Safety
    /// There are so many rows at `data`, `stride` bytes apart, each of `width` samples of one byte, or of two where `is_wide`.
    /// They stay as long as the picture that it becomes part of.
    pub unsafe fn new(
        data: *const u8,
        stride: isize,
        (width, height): (usize, usize),
        is_wide: bool,
    ) -> Option<Self> {
        let row = width * if is_wide { 2 } else { 1 };
        let is_sound = !data.is_null() && stride.unsigned_abs() >= row;
        is_sound.then_some(Self {
            data,
            stride,
            width,
            height,
            is_wide,
        })
    }

    fn bytes(&self, y: usize) -> &[u8] {
        assert!(y < self.height, "a row of the plane");
        let length = self.width * if self.is_wide { 2 } else { 1 };
        // SAFETY: it is a row of the plane, as `new` was promised.
        unsafe { slice::from_raw_parts(self.data.offset(self.stride * y as isize), length) }
    }
}

pub struct Picture {
    /// Brightness first, then two of colour unless there are none.
    pub planes: Vec<Plane>,
    pub chroma: Chroma,
    pub depth: u8,
    pub cicp: Cicp,
    /// Whether the decoder has found something wrong.
    pub is_damaged: bool,
    /// Frees the planes when dropped.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub owner: Box<dyn Any>,
}

impl Picture {
    /// Adds the row to `row`, in eight bits.
    pub fn append_row(&self, plane: usize, y: usize, row: &mut Vec<u8>) {
        let bytes = self.planes[plane].bytes(y);
        if !self.planes[plane].is_wide {
            row.extend_from_slice(bytes);
            return;
        }
        let (samples, _) = bytes.as_chunks::<2>();
        let narrow =
            |sample: &[u8; 2]| (u16::from_le_bytes(*sample) >> (self.depth - 8)).min(255) as u8;
        row.extend(samples.iter().map(narrow));
    }
}
