//! What a header may claim before anything is decoded.

use common::fault::{Code, Fault};
use serde::{Deserialize, Serialize};

use super::fault;

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
        max_aspect: 50,
        max_frames: 2_000,
        // At 90 the encoder drops the faint texture of smooth areas, and with it the tagger's best class of a rocket before
        // a pale sky; at 95 a photo's tile is a third larger, about 16 KB.
        tile_quality: 95,
    };

    pub fn check_size(&self, width: u32, height: u32) -> Result<(), Fault> {
        if width == 0 || height == 0 {
            return Err(fault(Code::ImageInvalid, "The image has no pixels."));
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            let detail = format!(
                "{width} × {height} pixels; at most {} are decoded.",
                self.max_pixels
            );
            return Err(fault(Code::ImageTooLarge, detail));
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
