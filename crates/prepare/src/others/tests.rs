use common::{fault::Code, image::Warning};
use image::{ImageFormat, Rgb, RgbImage};
use testing::pictures::{QUARTERS, encoded, quarters};

use crate::tests::{LIMITS, SPEC, is_near, prepared};

/// Quarters with noise, so that a share of the bytes is a share of the rows.
fn noise() -> RgbImage {
    let mut state = 1_u32;
    let mut picture = quarters(300, 300);
    for Rgb(colours) in picture.pixels_mut() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *colours = colours.map(|colour| colour.saturating_add((state >> 29) as u8));
    }
    picture
}

#[test]
fn little_that_is_missing_is_a_warning() {
    // A bitmap begins with its last row.
    for (format, quarter, at) in [
        (ImageFormat::Gif, 0, (56, 56)),
        (ImageFormat::Bmp, 2, (56, 168)),
    ] {
        let file = encoded(noise(), format);
        assert_eq!(prepared(&file, SPEC).0.warnings, []);
        for percent in [95, 99] {
            let (facts, tile) = prepared(&file[..file.len() * percent / 100], SPEC);
            assert_eq!(facts.warnings, [Warning::Truncated], "{format:?} {percent}");
            is_near(&tile, at.0, at.1, QUARTERS[quarter]);
        }
        let half = crate::tile(&file[..file.len() / 2], SPEC, &LIMITS).expect_err("half");
        assert_eq!(half.code, Code::ImageTruncated, "{format:?}");
        assert!(half.detail.contains("% of the picture"), "{}", half.detail);
    }
}
