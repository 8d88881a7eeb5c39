//! A picture that its decoder gives row by row, as far as it comes.

use std::io::ErrorKind;

use common::{
    fault::{Code, Fault},
    image::Warning,
};
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, RgbImage, RgbaImage};

use crate::{damage, fault};

/// What a row holds until it has come.
const UNTOUCHED: u8 = 0xa5;
const WHITE: u8 = 255;

/// `is_cut`: whether the file's end is missing. `unreadable` says what is wrong where nothing at all has come.
pub fn read(
    decoder: impl ImageDecoder,
    is_cut: bool,
    name: &str,
    unreadable: impl Fn(ImageError) -> Fault,
) -> Result<(DynamicImage, Vec<Warning>), Fault> {
    let (width, height) = decoder.dimensions();
    let colours = decoder.color_type();
    if !matches!(colours, ColorType::Rgb8 | ColorType::Rgba8) {
        let image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
        return Ok((image, Vec::new()));
    }
    let mut pixels = vec![UNTOUCHED; decoder.total_bytes() as usize];
    let row_bytes = width as usize * usize::from(colours.bytes_per_pixel());
    let warnings = match decoder.read_image(&mut pixels) {
        Ok(()) => Vec::new(),
        Err(error) => {
            let ends_early = is_cut || is_end(&error);
            match whiten(&mut pixels, row_bytes) {
                0 => return Err(unreadable(error)),
                rows => judge(rows, height, ends_early, name)?,
            }
        }
    };
    let image = if colours == ColorType::Rgb8 {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbaImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    let image = image.ok_or_else(|| fault(Code::Internal, "A picture has another size."))?;
    Ok((image, warnings))
}

fn is_end(error: &ImageError) -> bool {
    matches!(error, ImageError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof)
}

/// Rows that never came become white. Returns how many did come, wherever they lie.
fn whiten(pixels: &mut [u8], row_bytes: usize) -> u32 {
    let mut came = 0;
    for row in pixels.chunks_exact_mut(row_bytes) {
        if row.iter().all(|byte| *byte == UNTOUCHED) {
            row.fill(WHITE);
        } else {
            came += 1;
        }
    }
    came
}

fn judge(rows: u32, height: u32, ends_early: bool, name: &str) -> Result<Vec<Warning>, Fault> {
    let there = f64::from(rows) / f64::from(height.max(1));
    let warning = if ends_early {
        Warning::Truncated
    } else {
        Warning::Damaged
    };
    damage::of_share(there, warning, name)
}
