//! Pictures made here, so that the repository holds none.

use image::{ImageFormat, Rgb, RgbImage};

/// A gradient: it compresses like a photo's sky and survives resizing.
pub fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128]))
}

pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = gradient(width, height);
    let (width, height) = (width as usize, height as usize);
    let image = turbojpeg::Image {
        pixels: picture.as_raw().as_slice(),
        width,
        pitch: width * 3,
        height,
        format: turbojpeg::PixelFormat::RGB,
    };
    turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2).expect("encodes").to_vec()
}

pub fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    gradient(width, height).write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}
