use common::{fault::Code, image::Warning};
use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use testing::pictures::{WHITE, encoded, laid, quarters, with_exif_webp};

use crate::{
    Limits,
    tests::{LIMITS, SPEC, is_near, prepared, shows_quarters},
};

/// Orientation 6 as the type LONG, in the byte order of Motorola.
const EXIF: &[u8] = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06\0\0\0\0";

#[test]
fn orientation_is_read_with_and_without_its_prefix() {
    let lying = laid(quarters(640, 400), image::metadata::Orientation::Rotate90);
    let size = lying.dimensions();
    let plain = encoded(lying, ImageFormat::WebP);
    for prefix in [b"Exif\0\0".as_slice(), b""] {
        let file = with_exif_webp(&plain, size, &[prefix, EXIF].concat());
        let (facts, tile) = prepared(&file, SPEC);
        assert_eq!((facts.width, facts.height), (640, 400));
        shows_quarters(&tile);
    }
}

#[test]
fn opacity_is_put_on_white_whatever_the_size() {
    for side in [300, 1_700] {
        let half = RgbaImage::from_fn(side, side, |x, _| {
            if x < side / 2 {
                Rgba([0, 0, 0, 0])
            } else {
                Rgba([220, 30, 30, 255])
            }
        });
        let tile = prepared(&encoded(half, ImageFormat::WebP), SPEC).1;
        is_near(&tile, 56, 112, WHITE);
        is_near(&tile, 168, 112, [220, 30, 30]);
    }
}

#[test]
fn large_pictures_fit_into_the_bound() {
    let limits = Limits {
        max_pixels: 120_000_000,
        max_decoded_bytes: 64 << 20,
        ..LIMITS
    };
    let file = encoded(quarters(4_000, 2_700), ImageFormat::WebP);
    let made = crate::tile(&file, SPEC, &limits).expect("eleven megapixels");
    assert_eq!((made.facts.width, made.facts.height), (4_000, 2_700));
}

#[test]
fn a_file_that_ends_early_is_told_by_its_share() {
    let mut state = 1_u32;
    let noise = RgbImage::from_fn(300, 300, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 24) as u8, (state >> 16) as u8, 30])
    });
    let file = encoded(noise, ImageFormat::WebP);
    let fault = crate::tile(&file[..file.len() / 2], SPEC, &LIMITS).expect_err("half of it");
    assert_eq!(fault.code, Code::ImageTruncated, "{fault:?}");
    match crate::tile(&file[..file.len() * 97 / 100], SPEC, &LIMITS) {
        Ok(made) => assert_eq!(made.facts.warnings, [Warning::Truncated]),
        Err(fault) => assert_eq!(fault.code, Code::ImageTruncated, "{fault:?}"),
    }
}
