mod arithmetic;

use common::{fault::Code, image::Warning};
use image::{Rgb, RgbImage};
use testing::pictures::{
    BLUE, GREEN, QUARTERS, RED, compress, jpeg, laid, quarters, with_orientation, with_restarts,
    with_segment,
};
use turbojpeg::{Colorspace, Compressor, PixelFormat, Subsamp};

use crate::{
    Limits,
    tests::{LIMITS, SPEC, is_near, prepared, shows_quarters},
};

const LARGE: Limits = Limits {
    max_pixels: 120_000_000,
    max_decoded_bytes: 256 << 20,
    ..LIMITS
};

fn fault(jpeg: &[u8]) -> common::fault::Fault {
    crate::tile(jpeg, SPEC, &LIMITS).expect_err("no picture")
}

/// A picture whose rows weigh the same, so that a share of the bytes is a share of the rows.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
        Rgb(QUARTERS[at].map(|colour| colour.saturating_add((state >> 28) as u8)))
    })
}

fn restart(jpeg: &[u8], number: usize) -> usize {
    let is_restart = |at: &[u8]| at[0] == 0xff && (0xd0..=0xd7).contains(&at[1]);
    let mut places = jpeg.windows(2).enumerate().filter(|(_, at)| is_restart(at));
    places.nth(number).expect("there are so many").0
}

#[test]
fn every_warning_is_judged_and_not_the_first_alone() {
    let file = with_restarts(&noise(640, 480));
    let at = restart(&file, 5);
    let stray = [&file[..at], &[1, 2, 3, 4, 5, 6, 7, 8, 9], &file[at..]].concat();
    let (facts, tile) = prepared(&stray, SPEC);
    assert_eq!(facts.warnings, [], "stray bytes are passed over");
    shows_quarters(&tile);
    let cut = fault(&stray[..stray.len() * 6 / 10]);
    assert_eq!(cut.code, Code::ImageTruncated, "{cut:?}");
    let ended = [&stray[..stray.len() * 6 / 10], &[0xff, 0xd9]].concat();
    assert_eq!(fault(&ended).code, Code::ImageTruncated);
}

#[test]
fn how_much_is_there_is_told() {
    let file = jpeg(&noise(640, 480));
    let (facts, tile) = prepared(&file[..file.len() * 96 / 100], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
    is_near(&tile, 56, 56, RED);
    let half = fault(&file[..file.len() / 2]);
    assert_eq!(half.code, Code::ImageTruncated);
    let share = half
        .detail
        .split(' ')
        .find_map(|word| word.parse::<u32>().ok());
    assert!(
        share.is_some_and(|share| (40..=60).contains(&share)),
        "{}",
        half.detail
    );
}

#[test]
fn broken_data_is_judged_by_its_share() {
    let file = with_restarts(&noise(640, 480));
    let broken = |rows: usize| {
        let mut file = file.clone();
        for row in 0..rows {
            let at = restart(&file, 2 + row) + 40;
            file[at..at + 30].fill(0xfe);
        }
        file
    };
    let (facts, tile) = prepared(&broken(1), SPEC);
    assert!(
        facts.warnings.iter().all(|it| *it == Warning::Damaged),
        "{:?}",
        facts.warnings
    );
    is_near(&tile, 56, 160, BLUE);
    let fault = crate::tile(&broken(26), SPEC, &LIMITS);
    if let Err(fault) = fault {
        assert_eq!(fault.code, Code::ImageInvalid, "{fault:?}");
        assert!(fault.detail.contains("damaged"), "{}", fault.detail);
    }
}

#[test]
fn harmless_oddities_are_passed_over() {
    let plain = jpeg(&laid(
        quarters(640, 400),
        image::metadata::Orientation::Rotate90,
    ));
    let turned = with_orientation(&plain, 6);
    // Two stray bytes between the first two segments.
    let at = 4 + usize::from(u16::from_be_bytes([turned[4], turned[5]])) - 2;
    let odd = [&turned[..at + 2], &[0, 0], &turned[at + 2..]].concat();
    let (facts, tile) = prepared(&odd, SPEC);
    assert_eq!(
        (facts.width, facts.height),
        (640, 400),
        "Exif is found behind them"
    );
    shows_quarters(&tile);
    // Adobe's marker with a number of colours' kind that there is none of, and no other header.
    let headless = testing::pictures::without_segment(&jpeg(&quarters(300, 300)), 0xe0);
    let adobe = with_segment(&headless, 0xee, b"Adobe\0\x64\0\0\0\0\x09");
    shows_quarters(&prepared(&adobe, SPEC).1);
}

#[test]
fn orientation_is_found_behind_other_segments() {
    let plain = jpeg(&laid(
        quarters(640, 400),
        image::metadata::Orientation::Rotate90,
    ));
    let turned = with_orientation(&plain, 6);
    let late = with_segment(&turned, 0xe1, b"http://ns.adobe.com/xap/1.0/\0<x/>");
    let later = with_segment(&late, 0xe2, b"MPF\0II*\0");
    let (facts, tile) = prepared(&later, SPEC);
    assert_eq!((facts.width, facts.height), (640, 400));
    shows_quarters(&tile);
}

/// A file whose end has another JPEG behind it: pictures of several cameras, or a map of brightness.
#[test]
fn a_second_picture_behind_the_first_is_passed_over() {
    for side in [300, 2_400] {
        let first = jpeg(&quarters(side, side));
        let second = jpeg(&RgbImage::from_pixel(100, 100, Rgb(GREEN)));
        let (facts, tile) = {
            let made = crate::tile(&[first, second].concat(), SPEC, &LARGE).expect("a picture");
            let tile = turbojpeg::decompress(&made.tile, PixelFormat::RGB).expect("a tile");
            (
                made.facts,
                RgbImage::from_raw(224, 224, tile.pixels).expect("its size"),
            )
        };
        assert_eq!(facts.width, side);
        shows_quarters(&tile);
    }
}

#[test]
fn colours_are_the_same_on_both_ways() {
    for size in [(400, 300), (4_000, 3_000)] {
        let picture = quarters(size.0, size.1);
        let light: Vec<u8> = picture
            .pixels()
            .flat_map(|&Rgb([r, g, b])| [r, g, b, 255])
            .collect();
        let colours =
            |space| move |encoder: &mut Compressor| encoder.set_colorspace(space).expect("colours");
        let rgb = compress(picture.as_raw(), size.0, PixelFormat::RGB, |encoder| {
            encoder.set_subsamp(Subsamp::None).expect("full");
            encoder.set_colorspace(Colorspace::RGB).expect("RGB");
        });
        for file in [
            jpeg(&picture),
            rgb,
            compress(&light, size.0, PixelFormat::CMYK, colours(Colorspace::CMYK)),
            compress(&light, size.0, PixelFormat::CMYK, colours(Colorspace::YCCK)),
        ] {
            let made = crate::tile(&file, SPEC, &LARGE).expect("a picture");
            let tile = turbojpeg::decompress(&made.tile, PixelFormat::RGB).expect("a tile");
            shows_quarters(&RgbImage::from_raw(224, 224, tile.pixels).expect("its size"));
        }
    }
}

#[test]
fn rare_kinds_are_read_or_named() {
    let picture = quarters(300, 300);
    let arithmetic = compress(picture.as_raw(), 300, PixelFormat::RGB, |encoder| {
        encoder.set_arithmetic(true).expect("arithmetic");
    });
    shows_quarters(&prepared(&arithmetic, SPEC).1);
    let grey: Vec<u8> = picture.pixels().map(|&Rgb([_, green, _])| green).collect();
    for (pixels, format) in [
        (picture.as_raw(), PixelFormat::RGB),
        (&grey, PixelFormat::GRAY),
    ] {
        let lossless = compress(pixels, 300, format, |encoder| {
            encoder.set_lossless(true).expect("lossless");
        });
        let (_, tile) = prepared(&lossless, SPEC);
        if format == PixelFormat::RGB {
            shows_quarters(&tile);
        } else {
            is_near(&tile, 168, 56, [200; 3]);
        }
    }
    // A hierarchical file, which nobody writes.
    let mut strange = jpeg(&picture);
    let at = strange
        .windows(2)
        .position(|it| it == [0xff, 0xc0])
        .expect("a frame");
    strange[at + 1] = 0xc5;
    let fault = fault(&strange);
    assert_eq!(fault.code, Code::UnsupportedFormat, "{fault:?}");
}

#[test]
fn large_progressive_exports_are_read() {
    let progressive = |encoder: &mut Compressor| {
        encoder.set_progressive(true).expect("progressive");
        encoder.set_subsamp(Subsamp::None).expect("4:4:4");
    };
    let picture = quarters(4_128, 2_752);
    let export = compress(picture.as_raw(), 4_128, PixelFormat::RGB, progressive);
    drop(picture);
    // Its coefficients would take 68 MB.
    let small = Limits {
        max_decoded_bytes: 32 << 20,
        ..LARGE
    };
    let made = crate::tile(&export, SPEC, &small).expect("eleven megapixels in scans");
    assert_eq!((made.facts.width, made.facts.height), (4_128, 2_752));
    let tile = turbojpeg::decompress(&made.tile, PixelFormat::RGB).expect("a tile");
    shows_quarters(&RgbImage::from_raw(224, 224, tile.pixels).expect("its size"));
}

/// What is not as an encoder wrote it from `at` on, for so many bytes: pseudo-random, or nothing.
fn overwritten(file: &[u8], at: usize, length: usize, seed: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let mut state = seed;
    for byte in &mut file[at..at + length] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // No 0xff, which would be a marker and end it all.
        *byte = if seed == 0 {
            0
        } else {
            (state >> 24) as u8 & 0x7f
        };
    }
    file
}

#[test]
fn a_scan_that_has_lost_its_place_is_damaged_from_there_on() {
    for size in [(640, 480), (2_400, 2_100)] {
        let file = jpeg(&noise(size.0, size.1));
        let mut noticed = 0;
        for seed in 0..20 {
            let third = overwritten(&file, file.len() / 3, 512, seed);
            let fault = match crate::tile(&third, SPEC, &LARGE) {
                Err(fault) => fault,
                Ok(made) => {
                    // By chance all blocks are such as may be, and a few more or less than before.
                    noticed += made.facts.warnings.len();
                    continue;
                }
            };
            noticed += 1;
            assert_eq!(fault.code, Code::ImageInvalid, "{size:?} {seed}");
            let told = ["31 %", "32 %", "33 %", "34 %"];
            let told = told.iter().any(|share| fault.detail.contains(share));
            assert!(told, "{size:?} {seed}: {}", fault.detail);
        }
        assert!(noticed >= 18, "{size:?}: {noticed} of 20");
        let late = overwritten(&file, file.len() * 96 / 100, 256, 1);
        let made = crate::tile(&late, SPEC, &LARGE).expect("a picture");
        assert_eq!(made.facts.warnings, [Warning::Damaged], "{size:?}");
    }
}

#[test]
fn a_rare_sampling_that_has_lost_its_place_says_so() {
    let picture = noise(640, 480);
    let file = compress(picture.as_raw(), 640, PixelFormat::RGB, |encoder| {
        encoder.set_subsamp(Subsamp::Sub4x1).expect("4:1:1");
    });
    let fault = fault(&overwritten(&file, file.len() / 2, 512, 1));
    assert_eq!(fault.code, Code::ImageInvalid, "{fault:?}");
}

#[test]
fn a_few_bytes_behind_the_scan_change_nothing() {
    let file = jpeg(&noise(640, 480));
    let end = file.len() - 2;
    let stray = [&file[..end], &[1, 2, 3, 4, 5, 6], &file[end..]].concat();
    assert_eq!(prepared(&stray, SPEC).0.warnings, []);
    let filled = [&file[..end], &[0; 4_096], &file[end..]].concat();
    assert_eq!(prepared(&filled, SPEC).0.warnings, []);
    let open = [&file[..end], &[0; 4_096]].concat();
    assert_eq!(prepared(&open, SPEC).0.warnings, [], "no end marker");
}

/// Where each scan of a progressive file begins.
fn scans(jpeg: &[u8]) -> Vec<usize> {
    let pairs = jpeg.windows(2).enumerate();
    pairs
        .filter(|(_, it)| *it == [0xff, 0xda])
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn of_a_progressive_file_the_first_scans_suffice() {
    for side in [480, 2_400] {
        let picture = noise(side, side);
        let file = compress(picture.as_raw(), side, PixelFormat::RGB, |encoder| {
            encoder.set_progressive(true).expect("progressive");
        });
        let scans = scans(&file);
        let first = scans[1] - scans[0];
        let early = crate::tile(&file[..scans[0] + first / 2], SPEC, &LARGE);
        assert_eq!(early.expect_err("half").code, Code::ImageTruncated);
        let between = scans[1..].iter().copied();
        let within = scans[1..].iter().map(|at| at + 700);
        for end in between.chain(within).chain([file.len() - 40]) {
            let made = crate::tile(&file[..end], SPEC, &LARGE).expect("the first scans");
            assert_eq!(made.facts.warnings, [Warning::Truncated], "{side} {end}");
            let tile = turbojpeg::decompress(&made.tile, PixelFormat::RGB).expect("a tile");
            shows_quarters(&RgbImage::from_raw(224, 224, tile.pixels).expect("its size"));
        }
        let open = crate::tile(&file[..file.len() - 2], SPEC, &LARGE).expect("all but its end");
        // A large one's details are not looked at, and so not missed.
        let missed: &[Warning] = if side < 2_048 {
            &[]
        } else {
            &[Warning::Truncated]
        };
        assert_eq!(open.facts.warnings, missed, "{side}");
    }
}

/// What this thread has taken.
fn processor_ms() -> i64 {
    let taken = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    taken.tv_sec * 1_000 + taken.tv_nsec / 1_000_000
}

#[test]
fn a_header_without_data_costs_little() {
    let mut file = jpeg(&quarters(64, 64));
    let frame = file.windows(2).position(|it| it == [0xff, 0xc0]);
    let frame = frame.expect("a frame");
    file[frame + 5..frame + 9].copy_from_slice(&[0x4e, 0x20, 0x4e, 0x20]);
    let before = processor_ms();
    let fault = crate::tile(&file, SPEC, &LARGE).expect_err("nothing there");
    assert_eq!(fault.code, Code::ImageTruncated, "{fault:?}");
    let taken = processor_ms() - before;
    // All rows take a second.
    assert!(taken < 400, "{taken} ms");
}
