use common::{
    fault::{Code, Reason},
    image::Warning,
};
use image::{DynamicImage, ImageBuffer, ImageFormat, RgbImage, Rgba};
use testing::pictures::{
    RED, chunk, crc32, deflate, encoded, header_only, insert_chunk, png_of_zeros, quarters,
};

use crate::{
    Limits,
    tests::{LIMITS, SPEC, code_of, is_near, prepared, shows_quarters},
};

/// Orientation 6, as a directory of Intel's byte order, of the type LONG.
const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0";

fn fault(png: &[u8]) -> common::fault::Fault {
    crate::tile(png, SPEC, &LIMITS).expect_err("no picture")
}

fn png() -> Vec<u8> {
    encoded(quarters(300, 300), ImageFormat::Png)
}

/// Where the chunk of that name begins, its length included.
fn place(png: &[u8], name: &[u8; 4]) -> usize {
    png.windows(4)
        .position(|it| it == name)
        .expect("it has one")
        - 4
}

#[test]
fn large_pictures_are_read_row_by_row_within_the_memory_of_small_ones() {
    // Three megapixels of eight bytes each, 24 MB, where 4 are given.
    let mut state = 1_u32;
    let noise = ImageBuffer::from_fn(2_000, 1_500, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgba([0xdcdc, 0x1e1e, 0x1e00 | (state >> 24) as u16, 0xffff])
    });
    let limits = Limits {
        max_decoded_bytes: 4 << 20,
        ..LIMITS
    };
    let file = encoded(DynamicImage::ImageRgba16(noise), ImageFormat::Png);
    let made = crate::tile(&file, SPEC, &limits).expect("a large picture");
    assert_eq!((made.facts.width, made.facts.height), (2_000, 1_500));
}

#[test]
fn a_claim_alone_costs_nothing() {
    let limits = Limits {
        max_pixels: 120_000_000,
        max_decoded_bytes: 256 << 20,
        ..LIMITS
    };
    let begun = std::time::Instant::now();
    let code = |file: &[u8]| {
        crate::tile(file, SPEC, &limits)
            .expect_err("no picture")
            .code
    };
    assert_eq!(code(&header_only(16_384, 16_384)), Code::ImageTooLarge);
    assert_eq!(code(&header_only(100_000, 100_000)), Code::ImageTooLarge);
    assert_eq!(
        code(&header_only(10_000, 9_000)),
        Code::ImageTooLarge,
        "for so few bytes"
    );
    assert!(begun.elapsed().as_millis() < 200, "{:?}", begun.elapsed());
    // Within what would lie in memory, it is decoded as far as it goes.
    assert_eq!(code(&header_only(4_000, 3_000)), Code::ImageTruncated);
    assert_eq!(code(&png_of_zeros(10_000, 10_000)), Code::ImageTooLarge);
}

#[test]
fn orientation_is_read_where_programs_put_it() {
    let lying = encoded(
        image::imageops::rotate270(&quarters(300, 200)),
        ImageFormat::Png,
    );
    let hexadecimal: String = EXIF.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("\nexif\n      {}\n{hexadecimal}\n", EXIF.len());
    let with_prefix = [b"Exif\0\0", EXIF].concat();
    let texts = [
        (*b"eXIf", EXIF.to_vec()),
        (*b"eXIf", with_prefix),
        (
            *b"tEXt",
            [b"Raw profile type exif\0", text.as_bytes()].concat(),
        ),
        (
            *b"zTXt",
            [b"Raw profile type APP1\0\0", &deflate(text.as_bytes())[..]].concat(),
        ),
    ];
    for (name, body) in texts {
        let (facts, tile) = prepared(&insert_chunk(&lying, &name, &body), SPEC);
        assert_eq!((facts.width, facts.height), (300, 200), "{name:?}");
        shows_quarters(&tile);
    }
    // Behind the pixels, too.
    let end = place(&lying, b"IEND");
    let late = [&lying[..end], &chunk(b"eXIf", EXIF), &lying[end..]].concat();
    shows_quarters(&prepared(&late, SPEC).1);
}

#[test]
fn a_wrong_checksum_matters_where_the_pixels_are() {
    let mut text = insert_chunk(&png(), b"tEXt", b"Comment\0hello");
    let at = place(&text, b"tEXt") + 8;
    text[at] ^= 1;
    shows_quarters(&prepared(&text, SPEC).1);
    let mut pixels = png();
    let at = place(&pixels, b"IDAT");
    let length = u32::from_be_bytes(pixels[at..at + 4].try_into().expect("four")) as usize;
    pixels[at + 8 + length] ^= 1;
    let fault = fault(&pixels);
    assert_eq!(fault.code, Code::ImageInvalid);
    assert!(
        fault.detail.starts_with("The PNG is damaged: a checksum"),
        "{}",
        fault.detail
    );
    assert!(!fault.detail.contains("ChunkType"), "{}", fault.detail);
}

#[test]
fn what_xcode_makes_is_named() {
    let file = png();
    let odd = [&file[..8], &chunk(b"CgBI", &[0x50, 0, 0x20, 2]), &file[8..]].concat();
    let fault = fault(&odd);
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(Reason::Feature))
    );
    assert!(fault.detail.contains("CgBI"), "{}", fault.detail);
}

#[test]
fn little_that_is_missing_is_told_and_much_is_refused() {
    // Noise, so that a share of the bytes is a share of the rows.
    let mut state = 1_u32;
    let noise = RgbImage::from_fn(300, 300, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 24) as u8, (state >> 16) as u8, 30])
    });
    let file = encoded(noise, ImageFormat::Png);
    let (facts, _) = prepared(&file[..file.len() * 95 / 100], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
    let half = fault(&file[..file.len() / 2]);
    assert_eq!(half.code, Code::ImageTruncated);
    assert!(
        half.detail.contains("% of the picture is there"),
        "{}",
        half.detail
    );
    let (facts, _) = prepared(&file[..file.len() - 12], SPEC);
    assert_eq!(facts.warnings, [], "only the end is missing");
}

#[test]
fn interlaced_and_animated_pictures_are_read() {
    let still = interlaced(&image::RgbImage::from_pixel(64, 48, image::Rgb(RED)));
    let (before, data) = still.split_at(place(&still, b"IDAT"));
    let control = chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    let animated = [before, &control, data].concat();
    for (file, animated) in [(still, false), (animated, true)] {
        let (facts, tile) = prepared(&file, SPEC);
        assert_eq!(facts.frames, 1 + u32::from(animated));
        is_near(&tile, 112, 112, RED);
    }
}

#[test]
fn every_depth_and_kind_of_colour_is_read() {
    let picture = DynamicImage::from(quarters(1_200, 1_100));
    for file in [
        encoded(picture.to_rgba8(), ImageFormat::Png),
        encoded(picture.to_rgba16(), ImageFormat::Png),
        encoded(picture.to_rgb16(), ImageFormat::Png),
    ] {
        shows_quarters(&prepared(&file, SPEC).1);
    }
    let grey = prepared(&encoded(picture.to_luma_alpha16(), ImageFormat::Png), SPEC).1;
    is_near(&grey, 168, 168, [128; 3]);
    assert_eq!(code_of(&header_only(0, 0)), Code::ImageInvalid);
    assert_eq!(crc32(b"IEND"), 0xae42_6082);
}

#[test]
fn what_is_wrong_behind_the_last_row_refuses_no_picture() {
    let file = encoded(quarters(300, 300), ImageFormat::Png);
    let end = file.len();
    let mut bad_end = file.clone();
    bad_end[end - 1] ^= 1;
    let (facts, tile) = prepared(&bad_end, SPEC);
    assert_eq!(facts.warnings, [], "its end is no pixel");
    shows_quarters(&tile);
}

/// The file's data in so many chunks.
fn split(png: &[u8], pieces: usize) -> Vec<u8> {
    let at = place(png, b"IDAT");
    let length = u32::from_be_bytes(png[at..at + 4].try_into().expect("four")) as usize;
    let data = &png[at + 8..at + 8 + length];
    let chunks = data.chunks(length.div_ceil(pieces));
    let chunks: Vec<u8> = chunks.flat_map(|data| chunk(b"IDAT", data)).collect();
    [&png[..at], &chunks, &png[at + 12 + length..]].concat()
}

#[test]
fn the_last_of_many_chunks_may_be_broken() {
    let file = split(&png(), 20);
    // The checksum of the data stands before the last twelve bytes.
    let mut late = file.clone();
    late[file.len() - 13] ^= 1;
    let (facts, tile) = prepared(&late, SPEC);
    assert_eq!(facts.warnings, [Warning::Damaged]);
    shows_quarters(&tile);
    let mut early = split(&png(), 2);
    let end = early.len() - 13;
    early[end] ^= 1;
    assert_eq!(fault(&early).code, Code::ImageInvalid);
}

#[test]
fn of_an_interlaced_file_the_last_pass_may_be_cut() {
    let file = interlaced(&quarters(300, 300));
    let (facts, tile) = prepared(&file, SPEC);
    assert_eq!(facts.warnings, []);
    shows_quarters(&tile);
    // Nothing is packed, so that a share of the bytes is a share of the pixels.
    let (facts, tile) = prepared(&file[..file.len() * 95 / 100], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
    shows_quarters(&tile);
    let half = crate::tile(&file[..file.len() / 2], SPEC, &LIMITS).expect_err("half");
    assert_eq!(half.code, Code::ImageTruncated);
    assert!(half.detail.contains("% of the picture"), "{}", half.detail);
}

/// As Adam7 has it, with stored data.
fn interlaced(picture: &image::RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, across, down) in passes {
        for y in (top..height).step_by(down) {
            rows.push(0);
            for x in (left..width).step_by(across) {
                rows.extend(picture.get_pixel(x, y).0);
            }
        }
    }
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut packed, &rows).expect("packs");
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 2, 0, 0, 1],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &packed.finish().expect("packs")),
        &chunk(b"IEND", b""),
    ]
    .concat()
}
