//! Every format but JPEG, through the `image` crate. Of an animation, the
//! first frame.

pub mod png;
pub mod webp;

use std::io::{Cursor, ErrorKind};

use common::fault::{Code, Fault};
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader,
    metadata::Orientation,
};

use crate::{Channels, Format, Limits, Pixels, fault};

/// Characters of a decoder's own words: they may quote the file at any length, and stand in the answer and in the log.
const MOST_TOLD: usize = 200;

pub fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Pixels, Fault> {
    if format == Format::Png {
        png::check_inflated(bytes)?;
    }
    let format = named(format);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limited(limits.max_decoded_bytes));
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let original = decoder.dimensions();
    limits.check_size(original.0, original.1)?;
    limits.check_memory(memory(&decoder, format))?;
    // Told once more, now that it is known what of it is for the pixels.
    decoder
        .set_limits(limited(limits.max_decoded_bytes - decoder.total_bytes()))
        .map_err(unreadable)?;
    let (orientation, profile) = match format {
        ImageFormat::WebP => {
            webp::check_frames(bytes, original)?;
            webp::metadata(bytes)
        }
        // A file whose orientation cannot be read is shown as it lies.
        _ => (
            decoder.orientation().unwrap_or(Orientation::NoTransforms),
            decoder.icc_profile().unwrap_or_default(),
        ),
    };
    let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let alpha = image.color().has_alpha();
    let bytes = if alpha {
        image.into_rgba8().into_raw()
    } else {
        image.into_rgb8().into_raw()
    };
    let channels = if alpha { Channels::Rgba } else { Channels::Rgb };
    Ok(Pixels {
        width: original.0,
        height: original.1,
        bytes,
        channels,
        profile,
        orientation,
        original,
    })
}

/// Returns what is held at once while `decoder` decodes, or while its colours are
/// turned into RGB or RGBA. It heeds no limit for the pixels that it gives.
fn memory(decoder: &impl ImageDecoder, format: ImageFormat) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let beside = match format {
        // Planes or copies; nor does it heed any other limit.
        ImageFormat::WebP => 8 * pixels,
        // The same once more, with the file's own colours.
        ImageFormat::Tiff => pixels * u64::from(decoder.original_color_type().bits_per_pixel()) / 8,
        _ => 0,
    };
    let converted = match decoder.color_type() {
        ColorType::Rgb8 | ColorType::Rgba8 => 0,
        other if other.has_alpha() => 4 * pixels,
        _ => 3 * pixels,
    };
    decoder.total_bytes().saturating_add(beside.max(converted))
}

fn limited(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}

fn named(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
    }
}

fn unreadable(error: ImageError) -> Fault {
    let code = match &error {
        ImageError::Limits(_) => Code::ImageTooLarge,
        ImageError::Unsupported(_) => Code::UnsupportedFormat,
        ImageError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => Code::ImageTruncated,
        _ => Code::ImageInvalid,
    };
    let told: String = error.to_string().chars().take(MOST_TOLD).collect();
    fault(code, format!("The image cannot be decoded: {told}."))
}

#[cfg(test)]
mod tests {
    use common::model::{Fit, TileSpec};

    use super::*;

    const LIMITS: Limits = Limits {
        max_pixels: 1_000,
        max_decoded_bytes: 1 << 20,
        max_aspect: 10,
        max_frames: 1,
        tile_quality: 90,
    };

    /// One pixel of so many colours of one bit each, of which the decoder tells every one.
    fn tiff(colours: u16) -> Vec<u8> {
        let (short, long, bits_at) = (3_u16, 4_u16, 8 + 2 + 9 * 12 + 4);
        let entries: [(u16, u16, u32, u32); 9] = [
            (256, short, 1, 1),
            (257, short, 1, 1),
            (258, short, colours.into(), bits_at),
            (259, short, 1, 1),
            (262, short, 1, 2),
            (273, long, 1, bits_at),
            (277, short, 1, colours.into()),
            (278, short, 1, 1),
            (279, long, 1, 1),
        ];
        let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
        for (tag, kind, count, value) in entries {
            file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            file.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        file.extend([0; 4]);
        file.extend((0..colours).flat_map(|_| 1_u16.to_le_bytes()));
        file
    }

    #[test]
    fn a_decoder_that_quotes_the_file_is_cut_short() {
        let spec = TileSpec {
            width: 8,
            height: 8,
            fit: Fit::Crop,
        };
        let fault = crate::tile(&tiff(10_000), spec, &LIMITS).expect_err("no picture");
        assert_eq!(fault.code, Code::UnsupportedFormat, "{fault:?}");
        assert!(
            fault.detail.contains("bits per sample") && fault.detail.len() < 300,
            "{} bytes",
            fault.detail.len()
        );
    }
}
