//! libjpeg-turbo through the few functions of reader.c.
#![allow(
    unsafe_code,
    reason = "the library is C, and its safe wrapper tells the first warning alone"
)]

use std::{ffi::c_int, marker::PhantomData, ptr::NonNull};

use common::fault::{Code, Fault, Reason};

use crate::{damage, fault};

/// What reader.c makes of the library's errors.
mod failure {
    pub(super) const FINE: i32 = 0;
    pub(super) const NO_IMAGE: i32 = 1;
    pub(super) const ENDS_EARLY: i32 = 2;
    pub(super) const FEATURE: i32 = 3;
    pub(super) const TOO_MANY_SCANS: i32 = 4;
    pub(super) const NO_MEMORY: i32 = 5;
}

/// reader.c's `struct header`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Header {
    pub width: u32,
    pub height: u32,
    pub precision: u32,
    pub is_cmyk: u8,
    /// Whether all coefficients are kept until the last scan has come.
    pub is_in_scans: u8,
    pub coefficient_bytes: u64,
}

const MOST_COMPONENTS: u32 = 4;

/// reader.c's `struct damage`. Rows of blocks are counted once for each component.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Damage {
    pub rows: u32,
    pub missing_rows: u32,
    pub broken_rows: u32,
    /// What no scan has used, as far as it looks like data.
    pub stray_bytes: u32,
    /// Whether later scans of a progressive file are missing, or broken.
    lacks_details: u8,
    has_broken_details: u8,
}

impl Damage {
    pub fn is_anything(&self) -> bool {
        self.missing_rows > 0 || self.broken_rows > 0 || self.stray_bytes > 0
    }

    /// The share of the picture that came before the file ended.
    pub fn there(&self) -> f64 {
        1.0 - self.share(self.missing_rows)
    }

    /// The same while rows are read: of the row that ended, each component may have come nearly whole.
    pub fn there_at_most(&self) -> f64 {
        1.0 - self.share(self.missing_rows.saturating_sub(MOST_COMPONENTS))
    }

    pub fn sound(&self) -> f64 {
        1.0 - self.share(self.broken_rows)
    }

    pub fn lacks_details(&self) -> bool {
        self.lacks_details != 0
    }

    pub fn has_broken_details(&self) -> bool {
        self.has_broken_details != 0
    }

    fn share(&self, rows: u32) -> f64 {
        f64::from(rows) / f64::from(self.rows.max(1))
    }
}

enum Opaque {}

unsafe extern "C" {
    fn tagfleet_jpeg_open(bytes: *const u8, length: usize, max_scans: c_int) -> *mut Opaque;
    fn tagfleet_jpeg_header(reader: *mut Opaque, header: *mut Header) -> c_int;
    fn tagfleet_jpeg_start(reader: *mut Opaque, eighths: c_int, size: *mut u32) -> c_int;
    fn tagfleet_jpeg_row(reader: *mut Opaque, row: *mut u8) -> c_int;
    fn tagfleet_jpeg_damage(reader: *const Opaque) -> Damage;
    fn tagfleet_jpeg_close(reader: *mut Opaque);
}

/// A JPEG that is being read.
pub struct Reader<'a> {
    reader: NonNull<Opaque>,
    jpeg: PhantomData<&'a [u8]>,
    is_closed: bool,
    row_bytes: usize,
}

/// The decoded picture's size, pixels.
pub struct Size {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

impl<'a> Reader<'a> {
    /// Returns it with the header, which comes first of all. A file in more scans than that is left half-way.
    pub fn open(jpeg: &'a [u8], max_scans: i32) -> Result<(Self, Header), Fault> {
        // SAFETY: the bytes outlive the reader, by its lifetime.
        let reader = unsafe { tagfleet_jpeg_open(jpeg.as_ptr(), jpeg.len(), max_scans) };
        let reader = Self {
            reader: NonNull::new(reader).ok_or_else(no_memory)?,
            jpeg: PhantomData,
            is_closed: jpeg.ends_with(&[0xff, 0xd9]),
            row_bytes: 0,
        };
        let mut header = Header::default();
        // SAFETY: the reader is open, and the structure is laid out as the one in C.
        let failed = unsafe { tagfleet_jpeg_header(reader.reader.as_ptr(), &raw mut header) };
        reader.judge(failed)?;
        Ok((reader, header))
    }

    /// Begins to decode, at so many eighths of the size.
    pub fn start(&mut self, eighths: u8) -> Result<Size, Fault> {
        let mut size = [0_u32; 3];
        // SAFETY: the reader is open, and `size` has the three places that are written.
        let failed =
            unsafe { tagfleet_jpeg_start(self.reader.as_ptr(), eighths.into(), size.as_mut_ptr()) };
        self.judge(failed)?;
        let [width, height, channels] = size.map(|side| side as usize);
        self.row_bytes = width * channels;
        Ok(Size {
            width,
            height,
            channels,
        })
    }

    /// The next row, of which there are as many as the size says.
    pub fn read_row(&mut self, row: &mut [u8]) -> Result<(), Fault> {
        assert!(
            self.row_bytes > 0 && row.len() >= self.row_bytes,
            "a row fits"
        );
        // SAFETY: the reader has started, and the row has room for what it writes.
        let failed = unsafe { tagfleet_jpeg_row(self.reader.as_ptr(), row.as_mut_ptr()) };
        self.judge(failed)
    }

    /// What was wrong so far.
    pub fn damage(&self) -> Damage {
        // SAFETY: the reader is open.
        unsafe { tagfleet_jpeg_damage(self.reader.as_ptr()) }
    }

    fn judge(&self, failed: i32) -> Result<(), Fault> {
        let invalid = |words: &str| Err(fault(Code::ImageInvalid, words));
        match failed {
            failure::FINE => Ok(()),
            // A file that is cut off has no end marker either.
            failure::NO_IMAGE | failure::ENDS_EARLY if !self.is_closed => {
                Err(damage::truncated("JPEG", None))
            }
            failure::NO_IMAGE | failure::ENDS_EARLY => invalid("The JPEG holds no image."),
            failure::FEATURE => Err(fault(
                Code::UnsupportedFormat,
                "The JPEG is of a kind that is not read: its process, its depth or its colours are rare ones. Save it as an ordinary JPEG.",
            )
            .because(Reason::Feature)),
            failure::TOO_MANY_SCANS => Err(fault(Code::DecodeTimeout, "The JPEG has too many scans.")),
            failure::NO_MEMORY => Err(no_memory()),
            _ => invalid("The JPEG is damaged: its headers or tables contradict each other."),
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // SAFETY: it was open until now, and nobody uses it after.
        unsafe { tagfleet_jpeg_close(self.reader.as_ptr()) }
    }
}

fn no_memory() -> Fault {
    fault(
        Code::ImageTooLarge,
        "The JPEG takes more memory than is given.",
    )
}
