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
        }
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
