//! Pictures for tests, the good, the odd and the hostile, all made by code:
//! the repository holds none.

mod exif;
mod gif;
mod heif;
mod jpeg;
mod png;
mod tiff;
mod webp;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, metadata::Orientation};

pub use exif::{Shot, shot};
pub use gif::{gif_of, polyglot};
pub use heif::{Coding, Item, exif_item, grid_item, heif, opacity_item, quarters_item, tile_item};
pub use jpeg::{
    arithmetic_with_restarts, compress, jpeg, many_scans, repeat_scan, with_orientation,
    with_profile, with_restarts, with_segment, without_segment,
};
pub use png::{chunk, crc32, deflate, header_only, insert_chunk, palette_png, png_of_zeros};
pub use tiff::{Entry, ifd};
pub use webp::{animated_webp, extended_webp, with_exif_webp};

pub const RED: [u8; 3] = [220, 30, 30];
pub const GREEN: [u8; 3] = [30, 200, 30];
pub const BLUE: [u8; 3] = [30, 30, 220];
pub const GREY: [u8; 3] = [128, 128, 128];
pub const WHITE: [u8; 3] = [255, 255, 255];

/// Red and green above, blue and grey below: no turn or flip leaves it alike.
pub const QUARTERS: [[u8; 3]; 4] = [RED, GREEN, BLUE, GREY];

/// [`QUARTERS`], row by row.
pub fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let at = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
        Rgb(QUARTERS[at])
    })
}

/// It compresses like a photo's sky and survives resizing.
pub fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128])
    })
}

pub fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .into()
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

/// Bytes of their digits.
fn hexadecimal(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// A photo as far as its size and weight go.
pub fn photo(width: u32, height: u32) -> Vec<u8> {
    jpeg(&gradient(width, height))
}

/// So that a viewer who heeds `orientation` sees the picture as it was.
pub fn laid(picture: RgbImage, orientation: Orientation) -> RgbImage {
    let inverse = match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        itself => itself,
    };
    let mut lying = DynamicImage::ImageRgb8(picture);
    lying.apply_orientation(inverse);
    lying.into_rgb8()
}
