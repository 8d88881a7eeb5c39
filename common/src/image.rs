//! What is known of an image file before any model has seen it.

use serde::{Deserialize, Serialize};

use crate::fault::Code;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
    Heic,
    Avif,
    /// A camera's file, of which the largest preview is read.
    Raw,
    Jxl,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Heic => "heic",
            Self::Avif => "avif",
            Self::Raw => "raw",
            Self::Jxl => "jxl",
        }
    }
}

/// What was wrong with a file that became a tile all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Less than a tenth of the picture is missing at its end.
    Truncated,
    /// Some of the data is broken, and less than a tenth of the picture with it.
    Damaged,
}

impl Warning {
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
        }
    }
}

/// A tile for a model beside the tagger.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// Upright, sRGB.
    pub jpeg: Vec<u8>,
    pub shown: Part,
}

/// What of a picture a tile shows, in parts of the picture's sides. With bars around the picture it is more than there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

impl Part {
    pub const WHOLE: Self = Self {
        left: 0.0,
        top: 0.0,
        width: 1.0,
        height: 1.0,
    };

    /// Returns where a place of the tile lies in the picture, within its sides.
    pub fn across(self, in_tile: f32) -> f32 {
        (self.left + in_tile * self.width).clamp(0.0, 1.0)
    }

    pub fn down(self, in_tile: f32) -> f32 {
        (self.top + in_tile * self.height).clamp(0.0, 1.0)
    }
}

impl Default for Part {
    fn default() -> Self {
        Self::WHOLE
    }
}

/// The facts of a file that became a tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Pixels, upright.
    pub width: u32,
    pub height: u32,
    /// Pictures in the file; the first one became the tile.
    pub frames: u32,
    pub format: Format,
    pub bytes: usize,
    /// Hexadecimal.
    pub sha256: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What a file did to its decoder, for whoever remembers where files come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderImpact {
    /// It was decoded, or found not to be an image.
    Harmless,
    /// Its decoder panicked, or it was slow where many were.
    Costly(Code),
    /// It killed its decoder, or took all the time that there is.
    Fatal(Code),
}
