//! An ordinary JPEG at an eighth of its size, from the mean of each block of
//! 8 × 8 alone. A photo of twelve megapixels spends nearly all of its decode
//! in reading details that a tile has no room for: here they are skipped,
//! several in one step, without becoming numbers first.
//!
//! Only what phones, cameras and web services write is read (baseline in one
//! scan, or progressive; grey or YCbCr), and only if it is flawless, in its
//! first scans at the least. For all else the answer is none, and libjpeg-turbo
//! judges.

mod bits;
mod frame;
mod huffman;
mod planes;
mod progressive;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::{Walk, walk};

/// A picture of an eighth of the sides, rounded up.
pub struct Eighth {
    /// Rows without gaps.
    pub rgb: Vec<u8>,
    /// False where the file ends before its last details.
    pub is_whole: bool,
}

pub fn decode(jpeg: &[u8]) -> Option<Eighth> {
    let frame = frame::read(jpeg)?;
    let (frame, planes, is_whole) = if frame.is_progressive {
        progressive::read(jpeg, frame)?
    } else {
        let planes = scan::read(&frame)?;
        (frame, planes, true)
    };
    Some(Eighth {
        rgb: planes.to_rgb(frame.width.div_ceil(8), frame.height.div_ceil(8)),
        is_whole,
    })
}
