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

/// How files of images begin.
const MAGICS: [&[u8]; 7] = [
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"RIFF",
    b"BM",
    b"II*\0",
    b"MM\0*",
];

/// Returns whether a file is an image by how it begins. Of the kinds that are read here, a bare JPEG XL stream alone is not
/// known so.
pub fn is_image(head: &[u8]) -> bool {
    let is_of_boxes = head.get(4..8) == Some(b"ftyp");
    is_of_boxes || MAGICS.iter().any(|magic| head.starts_with(magic))
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
    /// Nothing where the file says nothing.
    #[serde(default, skip_serializing_if = "Exif::is_empty")]
    pub exif: Exif,
}

/// What a camera wrote down beside its picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exif {
    /// By the camera's clock, as `2024-05-01T12:33:10`, with its zone where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<String>,
    /// Maker and model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<GeoPoint>,
}

/// Degrees, to the north and to the east.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeoPoint {
    pub latitude: f64,
    pub longitude: f64,
}

impl Facts {
    /// Forgets what a camera wrote down, unless somebody asks for it: where a photo was taken is nobody else's to keep.
    pub fn keep_exif_if(&mut self, is_asked: bool) {
        if !is_asked {
            self.exif = Exif::default();
        }
    }
}

impl Exif {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl GeoPoint {
    /// Returns the place with so many digits of a degree: two are a kilometre.
    pub fn rounded(self, digits: u8) -> Self {
        let unit = 10_f64.powi(digits.into());
        let round = |degrees: f64| (degrees * unit).round() / unit;
        Self {
            latitude: round(self.latitude),
            longitude: round(self.longitude),
        }
    }
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
