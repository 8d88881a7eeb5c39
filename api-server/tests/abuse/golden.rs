//! Odd files that are good: the right picture must come out, the right way up.
//! The fake worker answers with the colours in the middle of the tile's four
//! quarters, as they would be seen.

use image::{DynamicImage, ImageFormat, RgbImage, metadata::Orientation};
use libtest_mimic::Trial;
use testing::pictures::{
    self, Coding, GREY, QUARTERS, RED, WHITE, compress, encoded, grid_item, heif, jpeg,
    palette_png, quarters, tile_item, with_orientation, with_profile, without_segment,
};
use turbojpeg::{Colorspace, Compressor, PixelFormat, Subsamp};

use crate::suite::{Suite, case};

const SIDE: u32 = 300;
/// How far one colour's light may be off: twice through JPEG, and once through ink.
const TOLERANCE: u8 = 12;
/// Adobe's segment, which says how colours were turned.
const APP14: u8 = 0xee;

pub fn cases() -> Vec<Trial> {
    let orientations = (1..=8).map(|value| {
        golden(
            &format!("exif_orientation_{value}"),
            move || oriented(value),
            QUARTERS,
        )
    });
    let greys = QUARTERS.map(|colour| [luma(colour); 3]);
    let others = [
        golden("cmyk_jpeg", || cmyk(Colorspace::CMYK), QUARTERS),
        golden("ycck_jpeg", || cmyk(Colorspace::YCCK), QUARTERS),
        golden(
            "cmyk_jpeg_without_its_marker",
            || without_segment(&cmyk(Colorspace::CMYK), APP14),
            QUARTERS,
        ),
        golden(
            "sixteen_bit_png",
            || encoded(picture().to_rgb16(), ImageFormat::Png),
            QUARTERS,
        ),
        golden(
            "broken_icc_jpeg",
            || with_profile(&jpeg(&quarters(SIDE, SIDE)), &[7; 600]),
            QUARTERS,
        ),
        golden("broken_icc_png", broken_icc_png, QUARTERS),
        golden("greyscale_jpeg", grey_jpeg, greys),
        golden(
            "greyscale_png",
            || encoded(picture().to_luma8(), ImageFormat::Png),
            greys,
        ),
        golden(
            "palette_png_with_alpha",
            palette,
            [RED, WHITE, GREY, [190, 255, 190]],
        ),
        golden("animated_webp", animated, QUARTERS),
        golden("heic", || photo_of_a_phone(Coding::Hevc), QUARTERS),
        golden("avif", || photo_of_a_phone(Coding::Av1), QUARTERS),
        golden(
            "gif_that_is_a_script",
            || pictures::polyglot(|width| quarters(width, width / 8)),
            QUARTERS,
        ),
    ];
    orientations.chain(others).collect()
}

fn golden(
    name: &str,
    file: impl FnOnce() -> Vec<u8> + Send + 'static,
    colours: [[u8; 3]; 4],
) -> Trial {
    case(format!("golden/{name}"), async move |suite: &Suite| {
        for (way, reply) in suite.post_file(&file()).await {
            assert_eq!(reply.status, 200, "{way}: {}", reply.json);
            let seen: Vec<_> = reply.json["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| colour(&tag["name"]))
                .collect();
            let near = |(seen, expected): (&Vec<u8>, &[u8; 3])| {
                seen.iter()
                    .zip(expected)
                    .all(|(a, b)| a.abs_diff(*b) <= TOLERANCE)
            };
            let right = seen.len() == 4 && seen.iter().zip(&colours).all(near);
            assert!(right, "{way}: {seen:?}, expected {colours:?}");
        }
    })
}

/// Returns the colour of a tag named like `220,30,30`.
fn colour(name: &serde_json::Value) -> Vec<u8> {
    name.as_str()
        .unwrap()
        .split(',')
        .map(|light| light.parse().unwrap())
        .collect()
}

/// Tiles that lie on their side, and a thumbnail before them.
fn photo_of_a_phone(coding: Coding) -> Vec<u8> {
    let thumbnail = tile_item(coding, 2).refers(b"thmb", &[2]);
    // Turned to the right by a quarter, they are the picture.
    let grid = grid_item((2, 2), (128, 128), &[3, 4, 5, 6]).with(b"irot", &[3]);
    let mut items = vec![thumbnail, grid];
    items.extend([1, 3, 0, 2].map(|quarter| tile_item(coding, quarter)));
    heif(coding, 2, &items)
}

fn picture() -> DynamicImage {
    quarters(SIDE, SIDE).into()
}

fn oriented(value: u8) -> Vec<u8> {
    let orientation = Orientation::from_exif(value).expect("1 to 8");
    with_orientation(
        &jpeg(&pictures::laid(quarters(640, 400), orientation)),
        value,
    )
}

/// No black in it, and light instead of ink, as Adobe's programs write it.
fn cmyk(space: Colorspace) -> Vec<u8> {
    let inks = |pixel: &image::Rgb<u8>| {
        let [r, g, b] = pixel.0;
        [r, g, b, 255]
    };
    let pixels: Vec<u8> = quarters(SIDE, SIDE).pixels().flat_map(inks).collect();
    compress(
        &pixels,
        SIDE,
        PixelFormat::CMYK,
        |encoder: &mut Compressor| encoder.set_colorspace(space).unwrap(),
    )
}

fn broken_icc_png() -> Vec<u8> {
    let profile = pictures::deflate(&[7; 600][..]);
    let body = [b"profile\0\0".as_slice(), &profile].concat();
    pictures::insert_chunk(&encoded(picture(), ImageFormat::Png), b"iCCP", &body)
}

fn grey_jpeg() -> Vec<u8> {
    let grey = |encoder: &mut Compressor| encoder.set_subsamp(Subsamp::Gray).unwrap();
    compress(picture().to_luma8().as_raw(), SIDE, PixelFormat::GRAY, grey)
}

/// As `image` turns it to grey.
fn luma(colour: [u8; 3]) -> u8 {
    DynamicImage::from(RgbImage::from_pixel(1, 1, image::Rgb(colour)))
        .to_luma8()
        .get_pixel(0, 0)
        .0[0]
}

/// Opaque, clear, opaque, and a quarter of a pure green: on white.
fn palette() -> Vec<u8> {
    let opaque = |[r, g, b]: [u8; 3]| [r, g, b, 255];
    palette_png(
        SIDE,
        [opaque(RED), [0, 0, 0, 0], opaque(GREY), [0, 255, 0, 64]],
    )
}

/// The first picture counts, and the others are black.
fn animated() -> Vec<u8> {
    let black = RgbImage::new(SIDE, SIDE);
    pictures::animated_webp(&[quarters(SIDE, SIDE), black.clone(), black])
}
