use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::decode;

/// Waves in several colours, and noise.
fn picture(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let mut state = 3u32;
    let mut pixels = Vec::with_capacity(width * height * channels);
    for y in 0..height {
        for x in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 27) as f32;
            let wave = |length: f32, turn: f32| {
                90.0 + 80.0 * ((x as f32 + turn * y as f32) / length).sin() + noise
            };
            let waves = [
                wave(31.0, 0.3),
                wave(53.0, -0.7),
                wave(97.0, 1.9),
                wave(11.0, 1.0),
            ];
            pixels.extend(waves[..channels].iter().map(|value| *value as u8));
        }
    }
    pixels
}

fn jpeg(
    width: usize,
    height: usize,
    format: PixelFormat,
    set: impl Fn(&mut Compressor),
) -> Vec<u8> {
    let pixels = &picture(width, height, format.size())[..];
    let mut encoder = Compressor::new().expect("an encoder");
    encoder.set_quality(92).expect("a quality");
    set(&mut encoder);
    let image = Image {
        pixels,
        width,
        pitch: width * format.size(),
        height,
        format,
    };
    encoder.compress_to_vec(image).expect("encodes")
}

/// The means of blocks of 8 × 8 after libjpeg-turbo has decoded them all; of those at the edges, what lies within.
fn by_library(jpeg: &[u8]) -> Vec<u8> {
    let full = turbojpeg::decompress(jpeg, PixelFormat::RGB).expect("decodes");
    let mut means = Vec::new();
    for y in (0..full.height).step_by(8) {
        for x in (0..full.width).step_by(8) {
            let bottom = (y + 8).min(full.height);
            let end = (x + 8).min(full.width);
            for channel in 0..3 {
                let values = (y..bottom).flat_map(|y| (x..end).map(move |x| (x, y)));
                let sum: usize = values
                    .map(|(x, y)| usize::from(full.pixels[y * full.pitch + x * 3 + channel]))
                    .sum();
                means.push((sum / ((bottom - y) * (end - x))) as u8);
            }
        }
    }
    means
}

#[track_caller]
fn is_like_the_librarys(jpeg: &[u8], least_db: f64) {
    let ours = decode(jpeg).expect("an ordinary file").rgb;
    let theirs = by_library(jpeg);
    assert_eq!(ours.len(), theirs.len());
    let squares: f64 = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let psnr_db = 10.0 * (255.0 * 255.0 / (squares / ours.len() as f64)).log10();
    assert!(psnr_db > least_db, "{psnr_db:.1} dB");
}

const SAMPLINGS: [Subsamp; 5] = [
    Subsamp::None,
    Subsamp::Sub2x1,
    Subsamp::Sub2x2,
    Subsamp::Sub1x2,
    Subsamp::Gray,
];

#[test]
fn every_sampling_and_size_is_as_the_library_has_it() {
    for sampling in SAMPLINGS {
        let file = |width, height| {
            jpeg(width, height, PixelFormat::RGB, |e| {
                e.set_subsamp(sampling).expect("known")
            })
        };
        is_like_the_librarys(&file(640, 480), 40.0);
        is_like_the_librarys(&file(16, 16), 40.0);
        // Where blocks reach over the edge, what lies there counts in their means.
        for (width, height) in [(641, 487), (1, 1), (17, 9), (15, 900)] {
            is_like_the_librarys(&file(width, height), 25.0);
        }
    }
    is_like_the_librarys(
        &jpeg(304, 200, PixelFormat::GRAY, |e| {
            e.set_subsamp(Subsamp::Gray).expect("known")
        }),
        38.0,
    );
}

#[test]
fn other_tables_are_read_too() {
    for quality in [1, 30, 75, 100] {
        is_like_the_librarys(
            &jpeg(640, 480, PixelFormat::RGB, |e| {
                e.set_quality(quality).expect("a quality")
            }),
            38.0,
        );
    }
    is_like_the_librarys(
        &jpeg(640, 480, PixelFormat::RGB, |e| {
            e.set_optimize(true).expect("known")
        }),
        38.0,
    );
}

#[test]
fn the_first_scans_of_a_progressive_file_suffice() {
    for sampling in SAMPLINGS {
        let file = jpeg(640, 480, PixelFormat::RGB, |e| {
            e.set_subsamp(sampling).expect("known");
            e.set_progressive(true).expect("known");
        });
        // Chroma has no halves of blocks here.
        is_like_the_librarys(&file, 30.0);
        assert!(decode(&file).is_some_and(|eighth| eighth.is_whole));
        let cut = decode(&file[..file.len() * 9 / 10]).expect("only details are missing");
        assert!(!cut.is_whole);
        for length in 0..file.len().min(3_000) {
            let _ = decode(&file[..length]);
        }
    }
}

#[test]
fn what_is_not_ordinary_is_left_to_the_library() {
    let plain = jpeg(320, 240, PixelFormat::RGB, |_| ());
    assert!(decode(&plain).is_some());
    assert!(decode(&jpeg(240, 160, PixelFormat::CMYK, |_| ())).is_none());
    for end in [
        10,
        200,
        plain.len() / 2,
        plain.len() - 9,
        plain.len() - 2,
        plain.len() - 1,
    ] {
        assert!(
            decode(&plain[..end]).is_none(),
            "{end} of {} bytes",
            plain.len()
        );
    }
    let without_end = [
        &plain[..plain.len() - 2],
        &[0xff, 0xd0],
        &plain[plain.len() - 2..],
    ]
    .concat();
    assert!(decode(&without_end).is_none());
}

#[test]
fn nonsense_never_panics() {
    let whole = jpeg(160, 120, PixelFormat::RGB, |_| ());
    let mut state = 7u32;
    for _ in 0..5_000 {
        let mut broken = whole.clone();
        for _ in 0..1 + state % 3 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (state >> 8) as usize % broken.len();
            broken[at] = state as u8;
        }
        let _ = decode(&broken);
    }
}
