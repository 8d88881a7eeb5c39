mod colours;

use common::model::Fit;
use image::{ImageFormat, Rgb, RgbImage};
use turbojpeg::{Compressor, PixelFormat, Subsamp};

use super::*;
use testing::pictures::{
    BLUE, GREEN, GREY, RED, compress, encoded, extended_webp, jpeg, laid, many_scans, quarters,
    with_orientation,
};

pub(crate) const SPEC: TileSpec = TileSpec {
    width: 224,
    height: 224,
    fit: Fit::Crop,
};
pub(crate) const LIMITS: Limits = Limits {
    max_pixels: 4_000_000,
    max_decoded_bytes: 16 << 20,
    max_aspect: 50,
    max_frames: 20,
    tile_quality: 90,
};

pub(crate) fn prepared(bytes: &[u8], spec: TileSpec) -> (Facts, RgbImage) {
    let prepared = super::tile(bytes, spec, &LIMITS).expect("a good picture");
    let tile = turbojpeg::decompress(&prepared.tile, PixelFormat::RGB).expect("a tile is a JPEG");
    let tile =
        RgbImage::from_raw(tile.width as u32, tile.height as u32, tile.pixels).expect("its size");
    assert_eq!(tile.dimensions(), (spec.width.into(), spec.height.into()));
    (prepared.facts, tile)
}

#[track_caller]
pub(crate) fn is_near(tile: &RgbImage, x: u32, y: u32, expected: [u8; 3]) {
    let Rgb(found) = *tile.get_pixel(x, y);
    let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 10);
    assert!(near, "at {x},{y}: {found:?}, expected {expected:?}");
}

#[track_caller]
pub(crate) fn shows_quarters(tile: &RgbImage) {
    let (w, h) = tile.dimensions();
    is_near(tile, w / 4, h / 4, RED);
    is_near(tile, w * 3 / 4, h / 4, GREEN);
    is_near(tile, w / 4, h * 3 / 4, BLUE);
    is_near(tile, w * 3 / 4, h * 3 / 4, GREY);
}

pub(crate) fn code_of(bytes: &[u8]) -> Code {
    super::tile(bytes, SPEC, &LIMITS)
        .expect_err("a bad picture")
        .code
}

/// For two models a file is decoded once, for what both need of it.
#[test]
fn tiles_of_two_models_come_of_one_decode() {
    let stretch = TileSpec {
        width: 300,
        height: 200,
        fit: Fit::Stretch,
    };
    let pad = TileSpec {
        width: 320,
        height: 320,
        fit: Fit::Pad,
    };
    let sizes = [
        (900, 700),
        (1_920, 1_080),
        (1_080, 1_920),
        (2_000, 1_000),
        (3_000, 1_000),
        (400, 1_200),
        (1_000, 4_000),
        (120, 90),
    ];
    let formats = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ];
    for (width, height) in sizes {
        for format in formats {
            let file = encoded(quarters(width, height), format);
            alike_in_company(&file, &[SPEC, stretch, pad]);
        }
    }
}

/// A strip is shrunk more along its longer side, and still what is round in it stays round.
#[test]
fn tiles_of_two_models_show_a_strip_as_it_is() {
    let pad = TileSpec {
        fit: Fit::Pad,
        ..SPEC
    };
    for (width, height) in [(600, 30_000), (30_000, 600)] {
        let strip = encoded(quarters(width, height), ImageFormat::Png);
        alike_in_company(&strip, &[SPEC, pad]);
    }
}

/// Each model's tile is the one that it would have alone.
fn alike_in_company(file: &[u8], specs: &[TileSpec]) {
    let limits = Limits::STANDARD;
    let picture = super::picture(file, specs, &limits).expect("a good picture");
    let size = (picture.width, picture.height);
    let all = super::encoded(file, picture, specs, &limits).expect("their tiles");
    let beside = all.also.iter().map(|tile| &tile.jpeg);
    for (tile, spec) in std::iter::once(&all.tile).chain(beside).zip(specs) {
        let alone = super::tile(file, *spec, &limits).expect("a good picture");
        let off = difference(tile, &alone.tile);
        assert!(off < 3.0, "{size:?}, {spec:?}: off by {off:.2}");
    }
}

/// By how much the values of two tiles differ, on average.
fn difference(one: &[u8], other: &[u8]) -> f64 {
    let [one, other] = [one, other].map(|tile| {
        let tile = turbojpeg::decompress(tile, PixelFormat::RGB).expect("a JPEG");
        tile.pixels
    });
    assert_eq!(one.len(), other.len());
    let off: u64 = one
        .iter()
        .zip(&other)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    off as f64 / one.len() as f64
}

#[test]
fn every_orientation_is_turned_upright() {
    for value in 1..=8 {
        let orientation = Orientation::from_exif(value).expect("1 to 8");
        let bytes = with_orientation(&jpeg(&laid(quarters(640, 400), orientation)), value);
        let (image, tile) = prepared(&bytes, SPEC);
        assert_eq!(
            (image.width, image.height),
            (640, 400),
            "orientation {value}"
        );
        shows_quarters(&tile);
        let (_, oblong) = prepared(
            &bytes,
            TileSpec {
                width: 96,
                height: 64,
                fit: Fit::Stretch,
            },
        );
        shows_quarters(&oblong);
    }
}

#[test]
fn crop_takes_the_middle_and_pad_takes_all() {
    // A red third, a green third, a blue third.
    let stripes = RgbImage::from_fn(900, 300, |x, _| Rgb([RED, GREEN, BLUE][(x / 300) as usize]));
    let bytes = jpeg(&stripes);
    let (_, crop) = prepared(&bytes, SPEC);
    is_near(&crop, 8, 112, GREEN);
    is_near(&crop, 215, 112, GREEN);
    let (_, pad) = prepared(
        &bytes,
        TileSpec {
            fit: Fit::Pad,
            ..SPEC
        },
    );
    is_near(&pad, 112, 10, GREY);
    is_near(&pad, 30, 112, RED);
    is_near(&pad, 190, 112, BLUE);
    let (_, stretch) = prepared(
        &bytes,
        TileSpec {
            fit: Fit::Stretch,
            ..SPEC
        },
    );
    is_near(&stretch, 30, 10, RED);
}

#[test]
fn a_picture_of_the_tiles_size_keeps_its_rim() {
    let framed = |side: u32| {
        let is_rim = move |n: u32| n < 12 || n >= side - 12;
        RgbImage::from_fn(side, side, move |x, y| {
            Rgb(if is_rim(x) || is_rim(y) { RED } else { GREEN })
        })
    };
    let (_, ready) = prepared(&jpeg(&framed(224)), SPEC);
    is_near(&ready, 4, 112, RED);
    is_near(&ready, 112, 219, RED);
    is_near(&ready, 20, 112, GREEN);
    let (_, larger) = prepared(&jpeg(&framed(225)), SPEC);
    is_near(&larger, 4, 112, GREEN);
}

#[test]
fn small_and_odd_pictures_are_enlarged() {
    for (width, height) in [(1, 1), (7, 3), (223, 225), (1_111, 777)] {
        let picture = RgbImage::from_pixel(width, height, Rgb(RED));
        is_near(&prepared(&jpeg(&picture), SPEC).1, 112, 112, RED);
    }
}

#[test]
fn tiles_weigh_what_the_broker_was_measured_with() {
    // Noise over a gradient: about as hard as a photo.
    let mut state = 1u32;
    let picture = RgbImage::from_fn(1024, 768, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 26) as u8;
        Rgb([
            (x / 5) as u8 + noise % 32,
            (y / 4) as u8 + noise / 2,
            90 + noise,
        ])
    });
    let tile = super::tile(&jpeg(&picture), SPEC, &LIMITS)
        .expect("a good picture")
        .tile;
    assert!(
        (5_000..30_000).contains(&tile.len()),
        "{} bytes",
        tile.len()
    );
}

#[test]
fn a_missing_end_marker_is_no_truncation_but_missing_pixels_are() {
    let whole = jpeg(&quarters(640, 480));
    shows_quarters(&prepared(&whole[..whole.len() - 2], SPEC).1);
    assert_eq!(
        code_of(&whole[..whole.len() * 9 / 10]),
        Code::ImageTruncated
    );
    let closed = [&whole[..whole.len() / 2], &[0xff, 0xd9]].concat();
    assert_eq!(code_of(&closed), Code::ImageTruncated);
}

#[test]
fn headers_are_believed_only_within_limits() {
    assert_eq!(
        code_of(&jpeg(&RgbImage::new(4_200, 2_010))),
        Code::ImageTooLarge
    );
    assert_eq!(code_of(&jpeg(&RgbImage::new(1_020, 20))), Code::BadAspect);
    let progressive = |e: &mut Compressor| {
        e.set_progressive(true).expect("progressive");
        e.set_subsamp(Subsamp::None).expect("4:4:4");
    };
    let picture = RgbImage::new(1_900, 1_900);
    let bytes = compress(picture.as_raw(), 1_900, PixelFormat::RGB, progressive);
    // Its coefficients would take 21 MiB where 16 are given; unscanned it is small.
    assert_eq!(code_of(&bytes), Code::ImageTooLarge);
    let baseline = compress(picture.as_raw(), 1_900, PixelFormat::RGB, |e| {
        e.set_subsamp(Subsamp::None).expect("4:4:4")
    });
    assert!(super::tile(&baseline, SPEC, &LIMITS).is_ok());
    // Nor does one of the old kind have them go, if its first scan has but one component.
    assert_eq!(code_of(&not_interleaved(&baseline)), Code::ImageTooLarge);
}

/// The same up to the first scan, which has only the first component.
fn not_interleaved(jpeg: &[u8]) -> Vec<u8> {
    let sos = jpeg
        .windows(5)
        .position(|at| at == [0xff, 0xda, 0, 12, 3])
        .expect("a scan of three");
    [
        &jpeg[..sos],
        &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0],
        &jpeg[sos + 14..],
    ]
    .concat()
}

#[test]
fn a_webp_frame_beyond_its_canvas_is_refused_unseen() {
    let detail = |frame| {
        super::tile(&extended_webp(64, frame), SPEC, &LIMITS)
            .expect_err("no pixels")
            .detail
    };
    assert!(
        detail(16_383).contains("larger than its canvas"),
        "{}",
        detail(16_383)
    );
    assert!(!detail(64).contains("canvas"), "{}", detail(64));
    // Its 11 MB of pixels fit, and what the decoder holds beside them does not.
    let large = encoded(RgbImage::new(1_900, 1_900), ImageFormat::WebP);
    assert_eq!(code_of(&large), Code::ImageTooLarge);
}

#[test]
fn what_a_decoder_holds_beside_its_pixels_counts() {
    // 16 MB, and 4 more for a canvas that the frame does not fit.
    let mut gif = encoded(RgbImage::new(1_990, 1_990), ImageFormat::Gif);
    assert!(super::tile(&gif, SPEC, &LIMITS).is_ok());
    gif[6..10].copy_from_slice(&[0xd0, 7, 0xc6, 7]);
    assert_eq!(code_of(&gif), Code::ImageTooLarge);
}

#[test]
fn a_small_file_of_many_scans_is_stopped() {
    assert_eq!(
        code_of(&many_scans(&quarters(64, 64), 500)),
        Code::DecodeTimeout
    );
}

#[test]
fn nonsense_never_panics() {
    let files = [
        jpeg(&quarters(64, 48)),
        encoded(quarters(64, 48), ImageFormat::Png),
        encoded(quarters(64, 48), ImageFormat::WebP),
        encoded(quarters(64, 48), ImageFormat::Gif),
        encoded(quarters(64, 48), ImageFormat::Bmp),
        encoded(quarters(64, 48), ImageFormat::Tiff),
    ];
    let mut state = 7u32;
    for file in files {
        for _ in 0..300 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut broken = file.clone();
            let at = state as usize % broken.len();
            broken[at] = (state >> 24) as u8;
            broken.truncate(broken.len() - (state >> 16) as usize % 20);
            let _ = super::tile(&broken, SPEC, &LIMITS);
        }
    }
}

#[test]
fn films_are_no_images() {
    let mut file = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
    for colour in 0..20u8 {
        let picture =
            image::RgbaImage::from_pixel(64, 64, image::Rgba([220, 30 + colour, 30, 255]));
        encoder
            .encode_frame(image::Frame::new(picture))
            .expect("fits");
    }
    drop(encoder);
    let (facts, tile) = prepared(&file, SPEC);
    assert_eq!((facts.frames, facts.format), (20, Format::Gif));
    is_near(&tile, 112, 112, RED);
    let longer = Limits {
        max_frames: 19,
        ..LIMITS
    };
    assert_eq!(
        super::tile(&file, SPEC, &longer)
            .expect_err("too long")
            .code,
        Code::TooManyFrames
    );
}
