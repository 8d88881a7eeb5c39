//! Whatever a file's colours are, the tile is sRGB on white.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use testing::pictures::{
    GREY, RED, WHITE, compress, encoded, jpeg, quarters, with_profile, without_segment,
};
use turbojpeg::{Colorspace, PixelFormat, Subsamp};

use super::{SPEC, is_near, prepared, shows_quarters};

#[test]
fn every_kind_of_colour_becomes_rgb() {
    let picture = quarters(300, 300);
    let dynamic = DynamicImage::ImageRgb8(picture.clone());
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
    ] {
        shows_quarters(&prepared(&encoded(picture.clone(), format), SPEC).1);
    }
    shows_quarters(&prepared(&encoded(dynamic.to_rgb16(), ImageFormat::Png), SPEC).1);
    let (_, grey) = prepared(&encoded(dynamic.to_luma8(), ImageFormat::Png), SPEC);
    is_near(&grey, 168, 168, GREY);
    let luma = dynamic.to_luma8();
    let (_, grey) = prepared(
        &compress(luma.as_raw(), 300, PixelFormat::GRAY, |e| {
            e.set_subsamp(Subsamp::Gray).expect("grey")
        }),
        SPEC,
    );
    is_near(&grey, 168, 168, GREY);
}

#[test]
fn cmyk_as_adobe_writes_it_becomes_rgb() {
    // Inverted ink, and none of it black: 255 is no black.
    let cmyk: Vec<u8> = quarters(300, 300)
        .pixels()
        .flat_map(|&Rgb([r, g, b])| [r, g, b, 255])
        .collect();
    shows_quarters(&prepared(&compress(&cmyk, 300, PixelFormat::CMYK, |_| ()), SPEC).1);
}

#[test]
fn what_is_transparent_is_white() {
    let half = RgbaImage::from_fn(300, 300, |x, _| {
        if x < 150 {
            Rgba([0, 0, 0, 0])
        } else {
            Rgba([220, 30, 30, 255])
        }
    });
    let (_, tile) = prepared(&encoded(half, ImageFormat::Png), SPEC);
    is_near(&tile, 56, 112, WHITE);
    is_near(&tile, 168, 112, RED);
    let pale = RgbaImage::from_pixel(300, 300, Rgba([220, 30, 30, 128]));
    is_near(
        &prepared(&encoded(pale, ImageFormat::Png), SPEC).1,
        112,
        112,
        [237, 142, 142],
    );
}

#[test]
fn colour_profiles_are_followed_and_broken_ones_are_not() {
    let p3 = moxcms::ColorProfile::new_display_p3()
        .encode()
        .expect("a profile");
    // What the wide screen of a phone calls this is the reddest that sRGB has.
    let red = RgbImage::from_pixel(300, 300, Rgb([234, 51, 35]));
    let plain = jpeg(&red);
    is_near(&prepared(&plain, SPEC).1, 112, 112, [234, 51, 35]);
    is_near(
        &prepared(&with_profile(&plain, &p3), SPEC).1,
        112,
        112,
        [255, 0, 0],
    );
    let broken = p3
        .iter()
        .map(|byte| byte.wrapping_mul(7))
        .collect::<Vec<_>>();
    for profile in [&broken[..], &p3[..200], b"no profile"] {
        is_near(
            &prepared(&with_profile(&plain, profile), SPEC).1,
            112,
            112,
            [234, 51, 35],
        );
    }
    let mut png = std::io::Cursor::new(Vec::new());
    let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::set_icc_profile(&mut encoder, p3).expect("taken");
    red.write_with_encoder(encoder).expect("encodes");
    is_near(&prepared(&png.into_inner(), SPEC).1, 112, 112, [255, 0, 0]);
}

/// As Pillow and the browsers take it.
#[test]
fn cmyk_without_adobes_marker_is_light_too() {
    let cmyk: Vec<u8> = quarters(300, 300)
        .pixels()
        .flat_map(|&Rgb([r, g, b])| [r, g, b, 255])
        .collect();
    let adobe = compress(&cmyk, 300, PixelFormat::CMYK, |encoder| {
        encoder.set_colorspace(Colorspace::CMYK).expect("inks");
    });
    shows_quarters(&prepared(&without_segment(&adobe, 0xee), SPEC).1);
    shows_quarters(&prepared(&adobe, SPEC).1);
}
