//! An ordinary JPEG at an eighth of its size, from the mean of each block of
//! 8 × 8 alone. A photo of twelve megapixels spends nearly all of its decode
//! in reading details that a tile has no room for: here they are skipped,
//! several in one step, without becoming numbers first.
//!
//! Only what phones, cameras and web services write is read (baseline, one
//! scan, grey or YCbCr), and only if it is flawless to the end marker. For all
//! else the answer is none, and libjpeg-turbo judges.

mod bits;
mod frame;
mod huffman;
mod planes;
mod scan;
#[cfg(test)]
mod tests;

/// RGB rows without gaps, of an eighth of the sides, rounded up.
pub fn decode(jpeg: &[u8]) -> Option<Vec<u8>> {
    let frame = frame::read(jpeg)?;
    let planes = scan::read(&frame)?;
    Some(planes.to_rgb(frame.width.div_ceil(8), frame.height.div_ceil(8)))
}
