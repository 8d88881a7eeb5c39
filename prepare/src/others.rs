//! Every format but JPEG, through the `image` crate. Of an animation, the
//! first frame.

use std::io::{Cursor, ErrorKind};

use common::fault::{Code, Fault};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, metadata::Orientation};

use super::{Channels, Format, Limits, Pixels, fault, png, webp};

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
    decoder.set_limits(limited(limits.max_decoded_bytes - decoder.total_bytes())).map_err(unreadable)?;
    let (orientation, profile) = match format {
        ImageFormat::WebP => {
            webp::check_frames(bytes, original)?;
            webp::metadata(bytes)
        }
        // A file whose orientation cannot be read is shown as it lies.
        _ => (decoder.orientation().unwrap_or(Orientation::NoTransforms), decoder.icc_profile().unwrap_or_default()),
    };
    let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let alpha = image.color().has_alpha();
    let bytes = if alpha { image.into_rgba8().into_raw() } else { image.into_rgb8().into_raw() };
    let channels = if alpha { Channels::Rgba } else { Channels::Rgb };
    Ok(Pixels { width: original.0, height: original.1, bytes, channels, profile, orientation, original })
}

/// What is held at once while `decoder` decodes, or while its colours are
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
    fault(code, format!("The image cannot be decoded: {error}."))
}
