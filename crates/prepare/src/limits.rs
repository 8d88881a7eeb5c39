//! What a header may claim before anything is decoded.

use common::fault::{Code, Fault};
use serde::{Deserialize, Serialize};

use super::fault;

/// Pixels of a picture that is read at an eighth cost this share of those that are decoded.
const SKIPPED: u64 = 4;
/// Even drawings of few colours are packed less tightly than that.
const UNPACKED_PER_BYTE: u64 = 64;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Limits {
    pub max_pixels: u64,
    pub max_decoded_bytes: u64,
    pub max_aspect: u32,
    pub max_frames: u32,
    /// JPEG quality.
    pub tile_quality: u8,
}

impl Limits {
    pub const STANDARD: Self = Self {
        max_pixels: 120_000_000,
        max_decoded_bytes: 256 << 20,
        max_aspect: 1_000,
        max_frames: 2_000,
        // At 90 the encoder drops the faint texture of smooth areas, and with it the tagger's best class of a rocket before
        // a pale sky; at 95 a photo's tile is a third larger, about 16 KB.
        tile_quality: 95,
    };

    /// Checks a picture that is decoded in full.
    pub fn check_size(&self, width: u32, height: u32) -> Result<(), Fault> {
        self.check_scaled(width, height, 8)
    }

    /// Checks a picture that is decoded at so many eighths of its size: what is skipped costs a quarter, at the most.
    pub fn check_scaled(&self, width: u32, height: u32, eighths: u8) -> Result<(), Fault> {
        self.check_shape(width, height)?;
        let pixels = u64::from(width) * u64::from(height);
        let skipped = match eighths {
            1 => SKIPPED,
            2 => 2,
            _ => 1,
        };
        if pixels / skipped <= self.max_pixels {
            return Ok(());
        }
        let most = self.max_pixels.saturating_mul(skipped);
        let detail =
            format!("{width} × {height} pixels; of such a file at most {most} are decoded.");
        Err(fault(Code::ImageTooLarge, detail))
    }

    /// Checks the shape of any picture, whatever it costs.
    pub fn check_shape(&self, width: u32, height: u32) -> Result<(), Fault> {
        if width == 0 || height == 0 {
            return Err(fault(Code::ImageInvalid, "The image has no pixels."));
        }
        if width.max(height) > width.min(height).saturating_mul(self.max_aspect) {
            let detail = format!(
                "{width} × {height} pixels; one side may be {} times the other.",
                self.max_aspect
            );
            return Err(fault(Code::BadAspect, detail));
        }
        Ok(())
    }

    /// No file has more pixels, however it is decoded.
    pub fn most_pixels(&self) -> u64 {
        self.max_pixels.saturating_mul(SKIPPED)
    }

    /// Checks a packed picture that is unpacked piece by piece. What would not lie in memory at once has to be paid for in
    /// bytes of the file: who wants much time has to send much.
    pub fn check_unpacked(&self, unpacked_bytes: u64, file_bytes: usize) -> Result<(), Fault> {
        let free = self.max_decoded_bytes;
        let paid = UNPACKED_PER_BYTE.saturating_mul(file_bytes as u64);
        if unpacked_bytes <= free.saturating_add(paid) {
            return Ok(());
        }
        let detail = format!(
            "{file_bytes} bytes unpack to {} MiB, which is more than a picture of their size holds.",
            unpacked_bytes >> 20
        );
        Err(fault(Code::ImageTooLarge, detail))
    }

    /// Only the first frame is decoded; a file of thousands is a film, or a trick.
    pub fn check_frames(&self, frames: u32) -> Result<(), Fault> {
        if frames > self.max_frames {
            let detail = format!(
                "{frames} frames; at most {} are taken for an image.",
                self.max_frames
            );
            return Err(fault(Code::TooManyFrames, detail));
        }
        Ok(())
    }

    /// `bytes`: what decoding will have to allocate, by the header.
    pub fn check_memory(&self, bytes: u64) -> Result<(), Fault> {
        if bytes > self.max_decoded_bytes {
            let detail = format!(
                "Decoding takes {} MiB; at most {} are given.",
                bytes >> 20,
                self.max_decoded_bytes >> 20
            );
            return Err(fault(Code::ImageTooLarge, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_say_any_number() {
        let limits = Limits::STANDARD;
        for eighths in [1, 2, 8] {
            let fault = limits.check_scaled(u32::MAX, u32::MAX, eighths);
            assert_eq!(fault.expect_err("too large").code, Code::ImageTooLarge);
        }
    }
}
