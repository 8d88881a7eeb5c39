//! Every format but JPEG, through the `image` crate. Of an animation, the
//! first frame.

use std::io::{Cursor, ErrorKind};

use common::fault::{Code, Fault};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::{Channels, Format, Limits, Pixels, fault, webp};

pub fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Pixels, Fault> {
    let format = named(format);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut memory = image::Limits::default();
    memory.max_alloc = Some(limits.max_decoded_bytes);
    reader.limits(memory);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let original = decoder.dimensions();
    limits.check_size(original.0, original.1)?;
    // `from_decoder` heeds no limit of its own. What is neither RGB nor RGBA is copied once more.
    let copied = if matches!(decoder.color_type(), ColorType::Rgb8 | ColorType::Rgba8) { 0 } else { 4 };
    // WebP's decoder heeds no limit, and holds planes or copies beside its output.
    let inside = if format == ImageFormat::WebP { 8 } else { 0 };
    let beside = u64::from(original.0) * u64::from(original.1) * (copied + inside);
    limits.check_memory(decoder.total_bytes().saturating_add(beside))?;
    if format == ImageFormat::WebP {
        webp::check_frames(bytes, original)?;
    }
    // A file whose orientation cannot be read is shown as it lies.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let alpha = image.color().has_alpha();
    let bytes = if alpha { image.into_rgba8().into_raw() } else { image.into_rgb8().into_raw() };
    let channels = if alpha { Channels::Rgba } else { Channels::Rgb };
    Ok(Pixels { width: original.0, height: original.1, bytes, channels, profile, orientation, original })
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
