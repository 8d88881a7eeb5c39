use common::{
    fault::{Code, Reason},
    image::Warning,
};
use image::{ImageFormat, Rgb, RgbImage};
use testing::pictures::{QUARTERS, RED, WHITE, encoded, quarters};

use crate::tests::{LIMITS, SPEC, is_near, prepared, shows_quarters};

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

/// A GIF of one frame that says so of its screen.
fn with_screen(width: u16, height: u16) -> Vec<u8> {
    let mut gif = encoded(quarters(300, 300), ImageFormat::Gif);
    gif[6..8].copy_from_slice(&width.to_le_bytes());
    gif[8..10].copy_from_slice(&height.to_le_bytes());
    gif
}

fn moved(mut gif: Vec<u8>, left: u16, top: u16) -> Vec<u8> {
    let frame = [0x2c, 0, 0, 0, 0, 0x2c, 1, 0x2c, 1];
    let at = gif.windows(frame.len()).position(|it| it == frame);
    let at = at.expect("a frame of 300 pixels");
    gif[at + 1..at + 3].copy_from_slice(&left.to_le_bytes());
    gif[at + 3..at + 5].copy_from_slice(&top.to_le_bytes());
    gif
}

#[test]
fn a_screen_has_room_for_its_first_frame() {
    for (width, height) in [(0, 0), (150, 150), (300, 10), (1, 300), (299, 299)] {
        let (facts, tile) = prepared(&with_screen(width, height), SPEC);
        assert_eq!((facts.width, facts.height), (300, 300), "{width} {height}");
        assert_eq!(facts.warnings, []);
        shows_quarters(&tile);
    }
}

#[test]
fn a_frame_beside_its_screen_is_shown_where_it_lies() {
    let (facts, tile) = prepared(&moved(with_screen(300, 300), 300, 300), SPEC);
    assert_eq!((facts.width, facts.height), (600, 600));
    is_near(&tile, 56, 56, WHITE);
    is_near(&tile, 130, 130, RED);
    let far = moved(with_screen(300, 300), u16::MAX, u16::MAX);
    let fault = crate::tile(&far, SPEC, &LIMITS).expect_err("too far away");
    assert_eq!(fault.code, Code::ImageTooLarge);
}

#[test]
fn a_frame_smaller_than_its_screen_lies_on_white() {
    let (facts, tile) = prepared(&with_screen(600, 600), SPEC);
    assert_eq!((facts.width, facts.height), (600, 600));
    is_near(&tile, 40, 40, RED);
    is_near(&tile, 180, 180, WHITE);
}

/// A file that is cut off or nonsense is judged by its decoder.
#[test]
fn a_screen_is_looked_at_in_any_file() {
    let gif = with_screen(0, 0);
    for length in 0..gif.len().min(1_200) {
        let _ = super::gif::with_room(&gif[..length]);
    }
}

#[test]
fn a_bitmap_that_is_not_read_says_why() {
    let whole = encoded(quarters(30, 30), ImageFormat::Bmp);
    for (bits, compression, words) in [
        (0, 4, "a JPEG inside"),
        (0, 5, "a PNG inside"),
        (32, 11, "inks"),
        (64, 0, "64 bits in a pixel"),
        (24, 99, "a compression that is unknown"),
        (8, 2, "8 bits in a pixel, by compression 2"),
    ] {
        let mut bmp = whole.clone();
        bmp[28] = bits;
        bmp[30] = compression;
        let fault = crate::tile(&bmp, SPEC, &LIMITS).expect_err("not read");
        assert_eq!(
            (fault.code, fault.reason),
            (Code::UnsupportedFormat, Some(Reason::Feature))
        );
        assert!(fault.detail.contains(words), "{}", fault.detail);
    }
}
