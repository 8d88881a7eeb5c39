use common::{
    fault::{Code, Reason},
    image::Format,
};
use image::metadata::Orientation;
use testing::pictures::{Entry, ifd, jpeg, laid, quarters};

use crate::tests::{LIMITS, SPEC, prepared, shows_quarters};

const SHORT: u16 = 3;
const LONG: u16 = 4;
const ASCII: u16 = 2;

/// As cameras write it: a thumbnail in the first directory, what the sensor saw in one below, JPEGs beside.
fn camera_raw(first: &[Entry], jpegs: &[&[u8]]) -> Vec<u8> {
    let first_at = 8;
    let below_at = first_at + 2 + 12 * (first.len() as u32 + 2) + 4;
    let mut entries = vec![(0x0112, SHORT, 1, 6)];
    entries.extend(first);
    entries.push((0x014a, LONG, 1, below_at));
    // A mosaic of colours.
    let below = ifd(&[(0x00fe, LONG, 1, 0), (0x0106, SHORT, 1, 32_803)], 0);
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend(ifd(&entries, 0));
    file.extend(below);
    // The sensor's data, in which a JPEG seems to begin.
    file.extend([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1].repeat(50));
    file.extend(jpegs.concat());
    file
}

/// Lies as the sensor does, turned by a quarter.
fn preview(width: u32, height: u32) -> Vec<u8> {
    jpeg(&laid(quarters(width, height), Orientation::Rotate90))
}

#[test]
fn the_largest_preview_is_read_and_turned_as_the_camera_says() {
    let makers: [&[Entry]; 3] = [
        // DNG by its version, NEF by its thumbnail, others by the sensor's data alone.
        &[(0xc612, 1, 4, 0x0104)],
        &[(0x00fe, LONG, 1, 1), (0x010f, ASCII, 4, 0x6e6f_6b69)],
        &[],
    ];
    for first in makers {
        let thumbnail = preview(160, 120);
        let large = preview(1_600, 1_200);
        let middle = preview(640, 480);
        let (facts, tile) = prepared(&camera_raw(first, &[&thumbnail, &large, &middle]), SPEC);
        assert_eq!(facts.format, Format::Raw);
        assert_eq!((facts.width, facts.height), (1_600, 1_200));
        shows_quarters(&tile);
    }
}

#[test]
fn a_thumbnail_is_no_picture() {
    for (jpegs, words) in [
        (vec![preview(160, 120)], "a thumbnail of 120 × 160"),
        (vec![], "holds no preview"),
    ] {
        let jpegs: Vec<&[u8]> = jpegs.iter().map(Vec::as_slice).collect();
        let file = camera_raw(&[(0xc612, 1, 4, 0x0104)], &jpegs);
        let fault = crate::tile(&file, SPEC, &LIMITS).expect_err("no picture");
        assert_eq!(
            (fault.code, fault.reason),
            (Code::UnsupportedFormat, Some(Reason::CameraRaw))
        );
        assert!(
            fault.detail.contains("camera RAW") && fault.detail.contains(words),
            "{}",
            fault.detail
        );
    }
}

/// A strip is a JPEG of its own, and larger than a preview that is whole.
#[test]
fn a_strip_is_no_preview() {
    let strip = jpeg(&quarters(6_400, 64));
    let whole = jpeg(&quarters(640, 480));
    let places_at = 8 + 2 + 12 * 2 + 4;
    let first_at = places_at + 8;
    let entries = [(0x0111, LONG, 2, places_at), (0xc612, 1, 4, 0x0000_0401)];
    let places = [first_at, first_at + strip.len() as u32];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend(ifd(&entries, 0));
    file.extend(places.iter().flat_map(|at| at.to_le_bytes()));
    file.extend([&strip[..], &strip, &whole].concat());
    let (facts, tile) = prepared(&file, SPEC);
    assert_eq!((facts.width, facts.height), (640, 480));
    shows_quarters(&tile);
}

#[test]
fn other_makers_files_are_known_by_their_first_bytes() {
    let picture = jpeg(&quarters(640, 480));
    let canon = b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom\0\0\0\x14moov";
    for head in [
        b"FUJIFILMCCD-RAW 0201".as_slice(),
        b"II*\0\x10\0\0\0CR\x02\0",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        canon,
    ] {
        let (facts, tile) = prepared(&[head, &[0; 64], &picture].concat(), SPEC);
        assert_eq!(facts.format, Format::Raw, "{head:?}");
        shows_quarters(&tile);
    }
    let turned = preview(640, 480);
    let directory = [
        b"CMT1II*\0\x08\0\0\0".as_slice(),
        &ifd(&[(0x0112, SHORT, 1, 6)], 0),
    ]
    .concat();
    shows_quarters(&prepared(&[canon, &directory[..], &turned].concat(), SPEC).1);
}

#[test]
fn an_ordinary_tiff_is_none() {
    let file = testing::pictures::encoded(quarters(300, 300), image::ImageFormat::Tiff);
    let (facts, tile) = prepared(&file, SPEC);
    assert_eq!(facts.format, Format::Tiff);
    shows_quarters(&tile);
}
