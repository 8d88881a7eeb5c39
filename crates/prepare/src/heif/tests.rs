use common::{
    fault::{Code, Reason},
    image::{Format, Warning},
};
use image::Rgb;
use testing::pictures::{
    BLUE, Coding, GREEN, GREY, Item, RED, WHITE, grid_item, heif, opacity_item, quarters_item,
    tile_item,
};

use crate::tests::{LIMITS, SPEC, is_near, prepared, shows_quarters};

const CODINGS: [Coding; 2] = [Coding::Hevc, Coding::Av1];

fn whole(coding: Coding, change: impl FnOnce(Item) -> Item) -> Vec<u8> {
    heif(coding, 1, &[change(quarters_item(coding))])
}

/// The grid, and its four tiles of one colour each.
fn grid(coding: Coding, size: (u16, u16), change: impl FnOnce(Item) -> Item) -> Vec<u8> {
    let mut items = vec![change(grid_item((2, 2), size, &[2, 3, 4, 5]))];
    items.extend((0..4).map(|quarter| tile_item(coding, quarter)));
    heif(coding, 1, &items)
}

#[test]
fn a_coded_picture_and_a_grid_of_tiles_are_read() {
    for coding in CODINGS {
        for file in [whole(coding, |it| it), grid(coding, (128, 128), |it| it)] {
            let (facts, tile) = prepared(&file, SPEC);
            assert_eq!(
                (facts.width, facts.height, facts.frames),
                (128, 128, 1),
                "{coding:?}"
            );
            let format = if coding == Coding::Hevc {
                Format::Heic
            } else {
                Format::Avif
            };
            assert_eq!((facts.format, facts.warnings), (format, Vec::new()));
            shows_quarters(&tile);
        }
        let (facts, _) = prepared(&grid(coding, (120, 100), |it| it), SPEC);
        assert_eq!(
            (facts.width, facts.height),
            (120, 100),
            "tiles reach beyond what is shown"
        );
    }
}

#[test]
fn turns_and_flips_are_heeded_once() {
    for coding in CODINGS {
        // To the left by a quarter: what was on the right is above.
        let turned = prepared(&whole(coding, |it| it.with(b"irot", &[1])), SPEC).1;
        is_near(&turned, 56, 56, GREEN);
        is_near(&turned, 168, 168, BLUE);
        let flipped = prepared(&whole(coding, |it| it.with(b"imir", &[1])), SPEC).1;
        is_near(&flipped, 56, 56, GREEN);
        is_near(&flipped, 168, 168, BLUE);
        let upside_down = prepared(&grid(coding, (128, 128), |it| it.with(b"imir", &[0])), SPEC).1;
        is_near(&upside_down, 56, 56, BLUE);
        is_near(&upside_down, 168, 168, GREEN);
        let (facts, _) = prepared(&grid(coding, (128, 100), |it| it.with(b"irot", &[3])), SPEC);
        assert_eq!((facts.width, facts.height), (100, 128));
    }
}

#[test]
fn what_is_cropped_away_is_not_shown() {
    // The right half: 64 of 128, a quarter of the side off the middle.
    let numbers = [64_i32, 1, 128, 1, 32, 1, 0, 1];
    let crop: Vec<u8> = numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect();
    for coding in CODINGS {
        let (facts, tile) = prepared(&whole(coding, |it| it.with(b"clap", &crop)), SPEC);
        assert_eq!((facts.width, facts.height), (64, 128));
        is_near(&tile, 20, 56, GREEN);
        is_near(&tile, 20, 168, GREY);
    }
}

#[test]
fn opacity_is_put_on_white_and_other_pictures_are_passed_over() {
    for coding in CODINGS {
        let file = heif(coding, 1, &[quarters_item(coding), opacity_item(coding, 1)]);
        let tile = prepared(&file, SPEC).1;
        is_near(&tile, 40, 56, WHITE);
        is_near(&tile, 168, 56, GREEN);
        // A thumbnail, a gain map and another picture stand first.
        let gain_map = tile_item(coding, 1)
            .with(
                b"auxC",
                b"\0\0\0\0urn:com:apple:photo:2020:aux:hdrgainmap\0",
            )
            .refers(b"auxl", &[4]);
        let thumbnail = tile_item(coding, 0).refers(b"thmb", &[4]);
        let burst = [
            thumbnail,
            gain_map,
            tile_item(coding, 2),
            quarters_item(coding),
        ];
        shows_quarters(&prepared(&heif(coding, 4, &burst), SPEC).1);
    }
}

#[test]
fn a_tile_that_is_missing_is_told_by_its_share() {
    for coding in CODINGS {
        let file = grid(coding, (128, 128), |it| it);
        let cut = file.len() - 20;
        let fault = crate::tile(&file[..cut], SPEC, &LIMITS).expect_err("much is missing");
        assert_eq!(fault.code, Code::ImageTruncated, "{fault:?}");
        assert!(
            fault.detail.contains("% of the picture"),
            "{}",
            fault.detail
        );
        let headless = crate::tile(&file[..100], SPEC, &LIMITS).expect_err("nothing is there");
        assert_eq!(headless.code, Code::ImageTruncated);
    }
}

#[test]
fn a_few_tiles_may_be_missing() {
    // The last of twelve tiles lacks its last bytes.
    let coding = Coding::Av1;
    let mut items: Vec<_> = (0..12).map(|_| tile_item(coding, 0)).collect();
    items.insert(
        0,
        grid_item(
            (3, 4),
            (256, 192),
            &[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        ),
    );
    let file = heif(coding, 1, &items);
    let (facts, tile) = prepared(&file[..file.len() - 40], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
    is_near(&tile, 60, 60, RED);
}

#[test]
fn codings_that_are_not_read_are_named() {
    let coding = Coding::Hevc;
    let strange = grid_item((1, 1), (64, 64), &[2]);
    let items = [strange, grid_item((1, 1), (64, 64), &[1])];
    let fault = crate::tile(&heif(coding, 1, &items), SPEC, &LIMITS).expect_err("a grid of grids");
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(Reason::Feature))
    );
    assert!(fault.detail.contains("(grid)"), "{}", fault.detail);
}

#[test]
fn nonsense_never_panics() {
    let mut state = 11_u32;
    for coding in CODINGS {
        let files = [
            whole(coding, |it| it.with(b"irot", &[1])),
            grid(coding, (128, 128), |it| it),
        ];
        for file in files {
            for length in (0..file.len()).step_by(7) {
                let _ = crate::tile(&file[..length], SPEC, &LIMITS);
            }
            for _ in 0..400 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let mut broken = file.clone();
                let at = state as usize % broken.len();
                broken[at] = (state >> 24) as u8;
                let _ = crate::tile(&broken, SPEC, &LIMITS);
            }
        }
    }
}

#[test]
fn colours_are_those_that_are_described() {
    use crate::codecs::{Chroma, Cicp};
    let cicp = |matrix, is_full_range| Cicp {
        primaries: 1,
        transfer: 13,
        matrix,
        is_full_range,
    };
    let rgb = |planes: [u8; 3], chroma, cicp| {
        super::colour::to_rgb(&planes.map(|value| vec![value]), chroma, cicp)
    };
    // Pure red by BT.601 and BT.709, in both ranges (H.273).
    for (planes, described) in [
        ([76, 85, 255], cicp(6, true)),
        ([54, 99, 255], cicp(1, true)),
        ([81, 90, 240], cicp(6, false)),
        ([63, 102, 240], cicp(1, false)),
    ] {
        let red = rgb(planes, Chroma::Half, described);
        let near = red.iter().zip([255, 0, 0]).all(|(a, b)| a.abs_diff(b) <= 3);
        assert!(near, "{described:?}: {red:?}");
    }
    assert_eq!(rgb([2, 3, 1], Chroma::Full, cicp(0, true)), [1, 2, 3]);
    let Rgb(grey) = Rgb([128; 3]);
    assert_eq!(
        super::colour::to_rgb(&[vec![128]], Chroma::Mono, cicp(6, true)),
        grey
    );
}
