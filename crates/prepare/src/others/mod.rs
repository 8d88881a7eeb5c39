//! WebP, GIF and BMP through the `image` crate. Of an animation, the first frame.

mod bmp;
pub mod gif;
mod partial;
#[cfg(test)]
mod tests;
pub mod webp;

pub use webp::exif as exif_of_webp;

use std::{
    borrow::Cow,
    io::{Cursor, ErrorKind},
};

use common::{
    fault::{Code, Fault, Reason},
    model::TileSpec,
};
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader,
    metadata::Orientation,
};

use crate::{
    Channels, Format, Limits, Pixels, damage, fault,
    rows::{Plan, Shrinker},
    swaps_sides, tile, turned,
};

pub fn decode(
    bytes: &[u8],
    format: Format,
    spec: TileSpec,
    limits: &Limits,
) -> Result<Pixels, Fault> {
    let is_cut = format == Format::Gif && !has_trailer(bytes);
    let unreadable = |error| match unreadable(&error, format) {
        fault if is_cut && fault.code == Code::ImageInvalid => damage::truncated("GIF", None),
        fault => fault,
    };
    let name = &format.name().to_uppercase();
    let format = named(format)?;
    let seen = seen(bytes, format)?;
    let copied_bytes = match &seen {
        Cow::Borrowed(_) => 0,
        Cow::Owned(copy) => copy.len() as u64,
    };
    let mut reader = ImageReader::with_format(Cursor::new(&*seen), format);
    reader.limits(limited(limits.max_decoded_bytes));
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    let original = decoder.dimensions();
    limits.check_size(original.0, original.1)?;
    limits.check_memory(memory(&decoder, format).saturating_add(copied_bytes))?;
    // Told once more, now that it is known what of it is for the pixels.
    decoder
        .set_limits(limited(limits.max_decoded_bytes - decoder.total_bytes()))
        .map_err(unreadable)?;
    let (orientation, profile) = match format {
        ImageFormat::WebP => {
            webp::check_frames(bytes, original)?;
            webp::metadata(bytes)
        }
        _ => (None, decoder.icc_profile().unwrap_or_default()),
    };
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let (image, warnings) = if format == ImageFormat::WebP {
        let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
        (image, Vec::new())
    } else {
        partial::read(decoder, is_cut, name, unreadable)?
    };
    let (kept, size) = shrunk(image, turned(spec, swaps_sides(orientation)));
    Ok(Pixels {
        width: size.0 as u32,
        height: size.1 as u32,
        bytes: kept,
        channels: Channels::Rgb,
        profile,
        orientation,
        original,
        warnings,
    })
}

/// The file as its decoder is to see it.
fn seen(bytes: &[u8], format: ImageFormat) -> Result<Cow<'_, [u8]>, Fault> {
    match format {
        ImageFormat::Gif => Ok(gif::with_room(bytes)),
        ImageFormat::Bmp => bmp::check(bytes).map(|()| Cow::Borrowed(bytes)),
        _ => Ok(Cow::Borrowed(bytes)),
    }
}

/// RGB on white, of the size that is worth more steps.
fn shrunk(image: DynamicImage, spec: TileSpec) -> (Vec<u8>, (usize, usize)) {
    let width = image.width() as usize;
    let plan = Plan::new((width, image.height() as usize), spec);
    let size = plan.size();
    let mut shrinker = Shrinker::new(plan, 3);
    if image.color().has_alpha() {
        let mut opaque = Vec::new();
        for row in image.into_rgba8().as_raw().chunks_exact(4 * width) {
            tile::put_on_white(row, &mut opaque);
            shrinker.push(&opaque);
        }
    } else {
        for row in image.into_rgb8().as_raw().chunks_exact(3 * width) {
            shrinker.push(row);
        }
    }
    (shrinker.finish(), size)
}

/// Returns what is held at once while `decoder` decodes, or while its colours are
/// turned into RGB or RGBA. It heeds no limit for the pixels that it gives.
fn memory(decoder: &impl ImageDecoder, format: ImageFormat) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let beside = match format {
        // Planes or copies; nor does it heed any other limit.
        ImageFormat::WebP => 8 * pixels,
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

/// A GIF ends with a semicolon. Some writers put zeros behind it.
fn has_trailer(gif: &[u8]) -> bool {
    gif.iter().rev().find(|byte| **byte != 0) == Some(&b';')
}

fn named(format: Format) -> Result<ImageFormat, Fault> {
    match format {
        Format::WebP => Ok(ImageFormat::WebP),
        Format::Gif => Ok(ImageFormat::Gif),
        Format::Bmp => Ok(ImageFormat::Bmp),
        _ => Err(fault(
            Code::Internal,
            "The format has a decoder of its own.",
        )),
    }
}

fn rare(name: &str, what: &str) -> Fault {
    let detail =
        format!("The {name} has a feature that is not read here: {what}. Save it as PNG or JPEG.");
    fault(Code::UnsupportedFormat, detail).because(Reason::Feature)
}

/// In words of ours: a decoder's own may quote the file, and name its types.
fn unreadable(error: &ImageError, format: Format) -> Fault {
    let name = format.name().to_uppercase();
    match error {
        ImageError::Limits(_) => fault(
            Code::ImageTooLarge,
            format!("The {name} takes more memory than is given."),
        ),
        ImageError::Unsupported(_) => rare(&name, "a rare compression, depth or kind of colours"),
        ImageError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            damage::truncated(&name, None)
        }
        _ => fault(
            Code::ImageInvalid,
            format!("The {name} is damaged: its data is not what its format prescribes."),
        ),
    }
}
