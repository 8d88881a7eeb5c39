//! Any bytes as the Exif of a good JPEG: whatever they say, it is a picture.
#![no_main]

use std::sync::LazyLock;

use turbojpeg::{Image, PixelFormat, Subsamp};

/// Grey, 16 × 8.
static JPEG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let image = Image {
        pixels: [100_u8; 16 * 8].as_slice(),
        width: 16,
        pitch: 16,
        height: 8,
        format: PixelFormat::GRAY,
    };
    turbojpeg::compress(image, 90, Subsamp::Gray)
        .expect("encodes")
        .to_vec()
});

libfuzzer_sys::fuzz_target!(|exif: &[u8]| {
    let exif = &exif[..exif.len().min(60_000)];
    let length = (2 + 6 + exif.len()) as u16;
    let segment = [b"\xff\xe1", &length.to_be_bytes()[..], b"Exif\0\0", exif].concat();
    let file = [&JPEG[..2], &segment, &JPEG[2..]].concat();
    tagfleet_fuzz::check(&file);
});
