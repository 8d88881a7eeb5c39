//! What a TIFF has that is not read, in words.

use tiff::{TiffUnsupportedError, tags::Tag};

use super::{JPEG, page::Tiff};

/// What a page says of itself, as numbers of the format.
#[derive(Default)]
pub struct Features {
    compression: u16,
    photometric: u16,
    bits: u16,
    samples: u16,
    format: u16,
}

mod format {
    pub(super) const SIGNED: u16 = 2;
    pub(super) const FLOAT: u16 = 3;
    pub(super) const COMPLEX: std::ops::RangeInclusive<u16> = 5..=6;
}

const YCBCR: u16 = 6;

impl Features {
    pub fn of(tiff: &mut Tiff<'_>) -> Self {
        let mut first = |tag, otherwise| {
            let told: Option<Vec<u16>> = tiff.find_tag_unsigned_vec(tag).unwrap_or_default();
            let told = told.and_then(|all| all.first().copied());
            told.unwrap_or(otherwise)
        };
        Self {
            compression: first(Tag::Compression, 1),
            photometric: first(Tag::PhotometricInterpretation, 1),
            bits: first(Tag::BitsPerSample, 1),
            samples: first(Tag::SamplesPerPixel, 1),
            format: first(Tag::SampleFormat, 1),
        }
    }

    /// Names what `error` is about. The decoder's own words may quote the file at any length.
    pub fn unread(&self, error: &TiffUnsupportedError) -> String {
        match error {
            TiffUnsupportedError::UnknownInterpretation => {
                return "colours of a kind that is unknown, or not told".to_owned();
            }
            TiffUnsupportedError::InconsistentBitsPerSample(_) => {
                return "samples with several numbers of bits".to_owned();
            }
            TiffUnsupportedError::UnsupportedSampleFormat(formats) if formats.len() > 1 => {
                return "samples of several kinds at once".to_owned();
            }
            _ => {}
        }
        let rare = compression(self.compression).or_else(|| colours(self.photometric));
        match rare {
            Some(name) => name.to_owned(),
            None => self.unread_samples(error),
        }
    }

    fn unread_samples(&self, error: &TiffUnsupportedError) -> String {
        let bits = self.bits;
        let samples = self.samples;
        match self.format {
            format::SIGNED => return format!("signed numbers of {bits} bits"),
            format::FLOAT if bits != 32 => return format!("floating-point numbers of {bits} bits"),
            format::FLOAT if samples < 3 => {
                return "grey in floating-point numbers, which may have any range".to_owned();
            }
            kind if format::COMPLEX.contains(&kind) => return "complex numbers".to_owned(),
            _ => {}
        }
        if !matches!(bits, 1 | 2 | 4 | 8 | 16 | 32) {
            return format!("{bits} bits in a sample");
        }
        if self.photometric == YCBCR && self.compression != JPEG {
            return "YCbCr colours without JPEG compression".to_owned();
        }
        match error {
            TiffUnsupportedError::HorizontalPredictor(_)
            | TiffUnsupportedError::FloatingPointPredictor(_) => {
                format!("a predictor over samples of {bits} bits")
            }
            TiffUnsupportedError::MisalignedTileBoundaries => {
                "tiles that begin within a byte".to_owned()
            }
            _ => format!("{samples} samples of {bits} bits in a pixel"),
        }
    }
}

/// Nothing for those that are read.
fn compression(number: u16) -> Option<&'static str> {
    Some(match number {
        1 | 4 | 5 | 7 | 8 | 32_773 | 32_946 => return None,
        2 => "CCITT compression without marks (modified Huffman)",
        3 => "CCITT Group 3 compression",
        6 => "JPEG compression of the old kind",
        9 | 10 | 34_661 => "JBIG compression",
        32_809 => "ThunderScan compression",
        32_908 | 32_909 => "Pixar's compression",
        33_003..=33_005 | 34_712 => "JPEG 2000 compression",
        34_676 | 34_677 => "SGI's LogLuv compression",
        34_887 => "LERC compression",
        34_892 => "lossy JPEG compression of a DNG",
        34_925 => "LZMA compression",
        34_933 => "PNG compression",
        22_610 | 34_934 => "JPEG XR compression",
        50_000 | 34_926 => "zstd compression",
        50_001 | 34_927 => "WebP compression",
        50_002 | 52_546 => "JPEG XL compression",
        _ => "a compression that is unknown",
    })
}

/// Nothing for those that are read.
fn colours(number: u16) -> Option<&'static str> {
    Some(match number {
        0..=3 | 5 | YCBCR => return None,
        4 => "nothing but a mask",
        8..=10 => "Lab colours",
        32_803 => "a sensor's mosaic of colours",
        32_844 | 32_845 => "logarithmic colours (LogL or LogLuv)",
        34_892 => "a sensor's linear colours",
        _ => "colours of a kind that is unknown",
    })
}
