//! What samples mean: numbers of a palette, and what lies beside colours.

use super::*;
use crate::tiff::page;

/// The quarters' numbers, and what colours these have.
fn numbers() -> Vec<u8> {
    let side = SIDE as usize;
    let number = |at: usize| {
        let x = at % side;
        let y = at / side;
        u8::from(x >= side / 2) + 2 * u8::from(y >= side / 2)
    };
    (0..side * side).map(number).collect()
}

fn colour_map(depth: u32, level: fn(u8) -> u32) -> Vec<u32> {
    let count = 1 << depth;
    let plane = |plane: usize| {
        let known = QUARTERS.iter().map(move |colour| level(colour[plane]));
        known.chain(std::iter::repeat(0)).take(count)
    };
    (0..3).flat_map(plane).collect()
}

fn wide(level: u8) -> u32 {
    u32::from(level) * 257
}

fn in_bits(numbers: &[u8], depth: u32) -> Vec<u8> {
    let in_a_byte = 8 / depth as usize;
    let byte = |numbers: &[u8]| {
        numbers
            .iter()
            .fold(0, |byte, number| byte << depth | number)
    };
    // A row of the picture fills its bytes.
    numbers
        .chunks(in_a_byte)
        .map(|numbers| {
            if depth == 8 {
                numbers[0]
            } else {
                byte(numbers)
            }
        })
        .collect()
}

#[test]
fn palettes_are_read_at_every_depth() {
    for depth in [2, 4, 8] {
        for level in [wide, |level: u8| u32::from(level)] {
            let page = Page::new(3, depth, 1, in_bits(&numbers(), depth));
            let page = page.with(320, SHORT, &colour_map(depth, level));
            let (facts, made) = prepared(&tiff(&[page]), SPEC);
            assert_eq!(facts.warnings, [], "{depth}");
            shows_quarters(&made);
        }
    }
}

#[test]
fn two_colours_are_a_palette_too() {
    let bits: Vec<u8> = numbers().iter().map(|number| number & 1).collect();
    let map = [RED[0], 255, RED[1], 255, RED[2], 255].map(wide);
    let page = Page::new(3, 1, 1, in_bits(&bits, 1)).with(320, SHORT, &map);
    let (_, made) = prepared(&tiff(&[page]), SPEC);
    is_near(&made, 40, 112, RED);
    is_near(&made, 180, 112, WHITE);
}

#[test]
fn a_palette_may_lie_in_tiles_and_behind_a_smaller_copy() {
    let small = Page::new(2, 8, 3, vec![9; 48])
        .with(256, LONG, &[4])
        .with(257, LONG, &[4])
        .with(278, LONG, &[4])
        .with(254, LONG, &[1]);
    let page = Page::new(3, 8, 1, Vec::new()).with(320, SHORT, &colour_map(8, wide));
    let page = page.in_tiles(SIDE, SIDE, vec![numbers()]);
    let (facts, made) = prepared(&tiff(&[small, page]), SPEC);
    assert_eq!((facts.width, facts.height), (SIDE, SIDE));
    shows_quarters(&made);
}

#[test]
fn numbers_of_a_palette_may_have_opacity_beside() {
    let clear: Vec<u8> = numbers().iter().flat_map(|number| [*number, 0]).collect();
    let page = Page::new(3, 8, 2, clear).with(320, SHORT, &colour_map(8, wide));
    let (_, made) = prepared(&tiff(&[page.with(338, SHORT, &[2])]), SPEC);
    is_near(&made, 56, 56, WHITE);
}

#[test]
fn a_palette_without_colours_is_damaged() {
    let page = Page::new(3, 8, 1, numbers());
    assert_eq!(refused(&tiff(&[page])).code, Code::ImageInvalid);
    let short = Page::new(3, 8, 1, numbers()).with(320, SHORT, &[7]);
    let _ = crate::tile(&tiff(&[short]), SPEC, &LIMITS);
}

/// Where its kind of colours stands, in each order of bytes, and in large files too.
#[test]
fn the_kind_of_colours_is_found_in_each_layout() {
    let little = b"II*\0\x08\0\0\0\x01\0\x06\x01\x03\0\x01\0\0\0\x03\0\0\0";
    assert_eq!(page::colours_at(little, 8), Some(18));
    let big = b"MM\0*\0\0\0\x08\0\x01\x01\x06\0\x03\0\0\0\x01\0\x03\0\0";
    assert_eq!(page::colours_at(big, 8), Some(19));
    let mut large = b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    large.extend(b"\x06\x01\x03\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0");
    assert_eq!(page::colours_at(&large, 16), Some(36));
    for length in 0..little.len() {
        assert_eq!(page::colours_at(&little[..length], 8), None);
    }
    assert_eq!(page::colours_at(little, usize::MAX), None);
}

/// The decoder leaves out what is no colour, and then undoes the predictor as if it were there.
/// The decoder takes the last one, and so shows three samples of four.
#[test]
fn colours_that_are_told_twice_are_not_guessed() {
    let pixels = vec![0; (4 * SIDE * SIDE) as usize];
    let page = Page::new(2, 8, 4, pixels)
        .with(317, SHORT, &[2])
        .with(338, SHORT, &[0]);
    assert!(
        prepared(&tiff(std::slice::from_ref(&page)), SPEC)
            .0
            .warnings
            .is_empty()
    );
    let mut twice = page;
    twice.entries.push((262, SHORT, vec![2]));
    assert_eq!(refused(&tiff(&[twice])).code, Code::UnsupportedFormat);
}

#[test]
fn samples_beside_the_colours_leave_the_predictor_sound() {
    for extra in [vec![2, 0], vec![0], vec![0, 0]] {
        let samples = 3 + extra.len();
        let beside = [255_u8, 17];
        let pixels: Vec<u8> = rgb()
            .chunks(3)
            .flat_map(|pixel| pixel.iter().chain(&beside[..extra.len()]).copied())
            .collect();
        let row_bytes = SIDE as usize * samples;
        let difference = |row: &[u8]| -> Vec<u8> {
            let before = std::iter::repeat_n(0, samples).chain(row.iter().copied());
            row.iter()
                .zip(before)
                .map(|(now, before)| now.wrapping_sub(before))
                .collect()
        };
        let data = pixels.chunks(row_bytes).flat_map(difference).collect();
        let page = Page::new(2, 8, samples as u32, data)
            .with(317, SHORT, &[2])
            .with(338, SHORT, &extra);
        shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
    }
}
