//! What a TIFF's samples mean, and rows of them as RGB on white, or as inks.

use tiff::{
    ColorType, TiffError, TiffResult, TiffUnsupportedError,
    tags::{ExtraSamples, SampleFormat, Tag},
};

use super::{
    JPEG,
    page::Tiff,
    palette::{self, Palette},
};
use crate::tile;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// And what else there may be, which is passed over.
    Grey,
    Palette,
    Rgb,
    /// Full range, as JPEG has it.
    YCbCr,
    Cmyk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opacity {
    None,
    Straight,
    /// Colours are darker by it already.
    Associated,
}

pub struct Colours {
    kind: Kind,
    opacity: Opacity,
    /// In a pixel.
    pub samples: usize,
    depth: u8,
    is_float: bool,
    is_jpeg: bool,
    palette: Option<Palette>,
    /// Whether the decoder has to take samples as they are, without their meaning.
    pub in_bands: bool,
}

impl Colours {
    pub fn of(tiff: &mut Tiff<'_>) -> TiffResult<Self> {
        let colours = colour_type(tiff)?;
        let (kind, samples, depth) = kind(tiff, colours)?;
        let is_float = match tiff.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)? {
            Some(formats) => is_float(&formats).ok_or_else(|| unsupported(colours))?,
            None => false,
        };
        let is_jpeg = is_jpeg(tiff)?;
        let is_read = match kind {
            // Grey ones are measurements, which have any range.
            Kind::Grey if is_float => false,
            Kind::Palette => depth <= 8 && !is_float,
            Kind::YCbCr => is_jpeg && depth == 8,
            _ => true,
        };
        let is_deep = if is_float {
            depth == 32
        } else {
            matches!(depth, 1 | 2 | 4 | 8 | 16 | 32)
        };
        if !is_read || !is_deep || samples == 0 || samples > 1 && depth < 8 {
            return Err(unsupported(colours));
        }
        let opacity = opacity(tiff, kind, samples)?;
        let palette = match kind {
            Kind::Palette => Some(palette::read(tiff, depth)?),
            _ => None,
        };
        let hides_samples = hides_samples(tiff, samples)?;
        Ok(Self {
            kind,
            opacity,
            samples: if hides_samples {
                all_samples(tiff)?
            } else {
                samples
            },
            depth,
            is_float,
            is_jpeg,
            in_bands: hides_samples || palette.is_some(),
            palette,
        })
    }

    /// Those of a pixel in `append`'s rows.
    pub fn channels(&self) -> usize {
        if self.kind == Kind::Cmyk { 4 } else { 3 }
    }

    pub fn sample_bytes(&self) -> usize {
        usize::from(self.depth).div_ceil(8)
    }

    /// Bytes of so many samples.
    pub fn bytes(&self, samples: usize) -> usize {
        samples.saturating_mul(self.depth.into()).div_ceil(8)
    }

    /// `row`: the samples of `width` pixels, in the machine's byte order. `narrow` is memory that is used again.
    pub fn append(&self, row: &[u8], width: usize, narrow: &mut Vec<u8>, to: &mut Vec<u8>) {
        narrow.clear();
        self.narrow(row, width * self.samples, narrow);
        let pixels = narrow.chunks_exact(self.samples);
        match self.kind {
            Kind::Grey if self.opacity == Opacity::None => {
                pixels.for_each(|pixel| to.extend([pixel[0]; 3]));
            }
            Kind::Grey => {
                pixels.for_each(|pixel| to.extend([self.on_white(pixel[0], pixel[1]); 3]));
            }
            Kind::Palette => pixels.for_each(|pixel| to.extend(self.of_palette(pixel))),
            Kind::Rgb if self.opacity == Opacity::None => {
                pixels.for_each(|pixel| to.extend_from_slice(&pixel[..3]));
            }
            Kind::Rgb => pixels.for_each(|pixel| {
                to.extend([0, 1, 2].map(|at| self.on_white(pixel[at], pixel[3])));
            }),
            Kind::YCbCr => pixels.for_each(|pixel| to.extend(rgb(pixel[0], pixel[1], pixel[2]))),
            Kind::Cmyk => pixels.for_each(|pixel| to.extend_from_slice(&pixel[..4])),
        }
    }

    /// Appends as many pixels of nothing: white, which is no ink.
    pub fn append_white(&self, width: usize, to: &mut Vec<u8>) {
        let white = if self.kind == Kind::Cmyk { 0 } else { 255 };
        to.resize(to.len() + width * self.channels(), white);
    }

    pub fn is_jpeg(&self) -> bool {
        self.is_jpeg
    }

    fn of_palette(&self, pixel: &[u8]) -> [u8; 3] {
        let palette = self.palette.as_ref();
        let colour = palette.map_or([255; 3], |palette| palette[usize::from(pixel[0])]);
        match (self.opacity, pixel) {
            (Opacity::None, _) | (_, [_]) => colour,
            (_, pixel) => colour.map(|level| self.on_white(level, pixel[1])),
        }
    }

    fn on_white(&self, colour: u8, opacity: u8) -> u8 {
        if self.opacity == Opacity::Associated {
            colour.saturating_add(255 - opacity)
        } else {
            tile::on_white(colour, opacity)
        }
    }

    /// Each sample in eight bits.
    fn narrow(&self, row: &[u8], samples: usize, to: &mut Vec<u8>) {
        match (self.depth, self.is_float) {
            (8, _) => to.extend_from_slice(row.get(..samples).unwrap_or(row)),
            (16, _) => to.extend(row.as_chunks::<2>().0.iter().map(|sample| {
                // Rounded, and all of it is white.
                ((u32::from(u16::from_ne_bytes(*sample)) + 128) / 257) as u8
            })),
            (32, false) => {
                let samples = row.as_chunks::<4>().0.iter();
                to.extend(samples.map(|sample| (u32::from_ne_bytes(*sample) >> 24) as u8));
            }
            (32, true) => {
                let samples = row.as_chunks::<4>().0.iter();
                to.extend(samples.map(|sample| (f32::from_ne_bytes(*sample) * 255.0 + 0.5) as u8));
            }
            (depth, _) => unpack(row, depth, to),
        }
        to.resize(samples, 255);
    }
}

/// Samples of 1, 2 or 4 bits, the first one highest.
fn unpack(row: &[u8], depth: u8, to: &mut Vec<u8>) {
    let most = (1_u16 << depth) - 1;
    for byte in row {
        // Pages are white for the most part.
        if *byte == 0 || *byte == 255 {
            to.resize(to.len() + 8 / usize::from(depth), *byte);
            continue;
        }
        for shift in (0..8).step_by(depth.into()).rev() {
            let sample = u16::from(*byte >> shift) & most;
            to.push((sample * 255 / most) as u8);
        }
    }
}

fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let luma = f32::from(luma) + 0.5;
    let blue = f32::from(blue) - 128.0;
    let red = f32::from(red) - 128.0;
    // The conversion stays within 0 and 255.
    [
        (luma + 1.402 * red) as u8,
        (luma - 0.344_136 * blue - 0.714_136 * red) as u8,
        (luma + 1.772 * blue) as u8,
    ]
}

/// With the samples of a pixel, and the bits of each.
fn kind(tiff: &mut Tiff<'_>, colours: ColorType) -> TiffResult<(Kind, usize, u8)> {
    Ok(match colours {
        ColorType::Gray(depth) => (Kind::Grey, 1, depth),
        ColorType::Palette(depth) => (Kind::Palette, all_samples(tiff)?, depth),
        ColorType::Multiband {
            bit_depth,
            num_samples,
        } => (Kind::Grey, usize::from(num_samples), bit_depth),
        ColorType::RGB(depth) => (Kind::Rgb, 3, depth),
        ColorType::RGBA(depth) => (Kind::Rgb, 4, depth),
        ColorType::YCbCr(depth) => (Kind::YCbCr, 3, depth),
        ColorType::CMYK(depth) => (Kind::Cmyk, 4, depth),
        ColorType::CMYKA(depth) => (Kind::Cmyk, 5, depth),
        other => return Err(unsupported(other)),
    })
}

fn opacity(tiff: &mut Tiff<'_>, kind: Kind, samples: usize) -> TiffResult<Opacity> {
    let told: Option<Vec<u16>> = tiff.find_tag_unsigned_vec(Tag::ExtraSamples)?;
    let told = told.and_then(|all| all.first().copied());
    let has_opacity = match kind {
        Kind::Grey | Kind::Palette => samples == 2,
        Kind::Rgb => samples == 4,
        Kind::YCbCr | Kind::Cmyk => false,
    };
    Ok(match told.map(ExtraSamples::from_u16) {
        _ if !has_opacity => Opacity::None,
        // Four samples of which nothing is said are colours with opacity.
        None if kind == Kind::Rgb => Opacity::Straight,
        Some(Some(ExtraSamples::AssociatedAlpha)) => Opacity::Associated,
        Some(Some(ExtraSamples::UnassociatedAlpha)) => Opacity::Straight,
        _ => Opacity::None,
    })
}

/// Nothing for signed or complex numbers, and for several kinds at once.
fn is_float(formats: &[u16]) -> Option<bool> {
    let first = *formats.first()?;
    let all_alike = formats.iter().all(|format| *format == first);
    match SampleFormat::from_u16(first) {
        // Nothing is known of them.
        Some(SampleFormat::Uint | SampleFormat::Void) if all_alike => Some(false),
        Some(SampleFormat::IEEEFP) if all_alike => Some(true),
        _ => None,
    }
}

/// The decoder knows no palettes.
fn colour_type(tiff: &mut Tiff<'_>) -> TiffResult<ColorType> {
    const PALETTE: u16 = 3;
    let photometric: Option<u16> = tiff.find_tag_unsigned(Tag::PhotometricInterpretation)?;
    if photometric != Some(PALETTE) {
        return tiff.colortype();
    }
    let bits: Option<Vec<u8>> = tiff.find_tag_unsigned_vec(Tag::BitsPerSample)?;
    let bits = bits.and_then(|bits| bits.first().copied());
    Ok(ColorType::Palette(bits.unwrap_or(1)))
}

/// All of a pixel, those that are no colours among them.
fn all_samples(tiff: &mut Tiff<'_>) -> TiffResult<usize> {
    let samples: Option<u16> = tiff.find_tag_unsigned(Tag::SamplesPerPixel)?;
    Ok(samples.unwrap_or(1).into())
}

/// Whether the decoder would leave out samples. It does so before it undoes a predictor, which then takes others for those
/// beside them.
fn hides_samples(tiff: &mut Tiff<'_>, shown: usize) -> TiffResult<bool> {
    const SIDE_BY_SIDE: u16 = 1;
    let planes: Option<u16> = tiff.find_tag_unsigned(Tag::PlanarConfiguration)?;
    let is_side_by_side = planes.unwrap_or(SIDE_BY_SIDE) == SIDE_BY_SIDE;
    Ok(is_side_by_side && all_samples(tiff)? > shown)
}

fn is_jpeg(tiff: &mut Tiff<'_>) -> TiffResult<bool> {
    let compression: Option<u16> = tiff.find_tag_unsigned(Tag::Compression)?;
    Ok(compression == Some(JPEG))
}

fn unsupported(colours: ColorType) -> TiffError {
    TiffError::UnsupportedError(TiffUnsupportedError::UnsupportedColorType(colours))
}
