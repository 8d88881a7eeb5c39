//! Arithmetic coding, whose decoder goes on with zeros where the file has ended.

use testing::pictures::arithmetic_with_restarts;

use super::*;

const SIZES: [(u32, u32); 2] = [(640, 480), (2_400, 2_100)];

fn arithmetic(picture: &RgbImage, is_progressive: bool) -> Vec<u8> {
    compress(
        picture.as_raw(),
        picture.width(),
        PixelFormat::RGB,
        |encoder| {
            encoder.set_arithmetic(true).expect("arithmetic");
            encoder.set_progressive(is_progressive).expect("scans");
        },
    )
}

#[track_caller]
fn warnings(file: &[u8]) -> Result<Vec<Warning>, Code> {
    let made = crate::tile(file, SPEC, &LARGE);
    made.map(|made| made.facts.warnings)
        .map_err(|fault| fault.code)
}

/// Each cut leaves so many parts of a hundred.
#[track_caller]
fn cut_to(file: &[u8], percents: &[usize], expected: &Result<Vec<Warning>, Code>) {
    for percent in percents {
        let cut = &file[..file.len() * percent / 100];
        assert_eq!(&warnings(cut), expected, "{percent} % of {}", file.len());
    }
}

#[test]
fn a_cut_file_says_so() {
    for size in SIZES {
        let picture = noise(size.0, size.1);
        let files = [
            arithmetic(&picture, false),
            arithmetic_with_restarts(&picture),
        ];
        for file in files {
            assert_eq!(warnings(&file), Ok(Vec::new()), "{size:?}");
            cut_to(&file, &[10, 50, 80], &Err(Code::ImageTruncated));
            cut_to(&file, &[95, 98], &Ok(vec![Warning::Truncated]));
        }
    }
}

#[test]
fn how_much_of_it_is_there_is_told() {
    let file = arithmetic(&noise(640, 480), false);
    let fault = fault(&file[..file.len() / 2]);
    let told = ["46 %", "47 %", "48 %", "49 %", "50 %"];
    let told = told.iter().any(|share| fault.detail.contains(share));
    assert!(told, "{}", fault.detail);
}

#[test]
fn a_cut_file_in_scans_says_so() {
    for size in SIZES {
        let file = arithmetic(&noise(size.0, size.1), true);
        assert_eq!(warnings(&file), Ok(Vec::new()), "{size:?}");
        let first = scans(&file)[1];
        for end in [first / 4, first / 2] {
            assert_eq!(
                warnings(&file[..end]),
                Err(Code::ImageTruncated),
                "{size:?}"
            );
        }
        cut_to(&file, &[50, 80, 95, 99], &Ok(vec![Warning::Truncated]));
    }
}

#[test]
fn restarts_that_never_come_are_missing_and_not_broken() {
    let file = arithmetic_with_restarts(&noise(640, 480));
    for percent in [30, 60] {
        let cut = &file[..file.len() * percent / 100];
        let closed = [cut, &[0xff, 0xd9]].concat();
        assert_eq!(warnings(&closed), Err(Code::ImageTruncated), "{percent}");
    }
}

#[test]
fn a_missing_end_marker_alone_is_no_reason_to_refuse() {
    for is_progressive in [false, true] {
        let file = arithmetic(&noise(640, 480), is_progressive);
        let open = warnings(&file[..file.len() - 2]).expect("all its data");
        assert!(!open.contains(&Warning::Damaged), "{open:?}");
    }
}
