mod kinds;
mod layout;
mod unread;

use common::{
    fault::{Code, Reason},
    image::{Format, Warning},
};
use testing::pictures::{QUARTERS, RED, WHITE, encoded, quarters};

use crate::{
    Limits,
    tests::{LIMITS, SPEC, is_near, prepared, shows_quarters},
};

const SHORT: u16 = 3;
const LONG: u16 = 4;
const SIDE: u32 = 120;

/// A page in one strip without compression.
#[derive(Clone)]
struct Page {
    entries: Vec<(u16, u16, Vec<u32>)>,
    strips: Vec<Vec<u8>>,
}

impl Page {
    fn new(photometric: u32, bits: u32, samples: u32, data: Vec<u8>) -> Self {
        let all = |number: u32| (0..samples).map(|_| number).collect();
        let entries = vec![
            (256, LONG, vec![SIDE]),
            (257, LONG, vec![SIDE]),
            (258, SHORT, all(bits)),
            (259, SHORT, vec![1]),
            (262, SHORT, vec![photometric]),
            (277, SHORT, vec![samples]),
            (278, LONG, vec![SIDE]),
        ];
        Self {
            entries,
            strips: vec![data],
        }
    }

    fn with(mut self, tag: u16, kind: u16, values: &[u32]) -> Self {
        self.entries.retain(|(other, ..)| *other != tag);
        self.entries.push((tag, kind, values.to_vec()));
        self
    }

    fn in_tiles(mut self, width: u32, height: u32, tiles: Vec<Vec<u8>>) -> Self {
        self.entries.retain(|(tag, ..)| *tag != 278);
        self.strips = tiles;
        self.with(322, LONG, &[width]).with(323, LONG, &[height])
    }
}

fn tiff(pages: &[Page]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for page in pages {
        let mut places = Vec::new();
        let mut lengths = Vec::new();
        let mut strips = Vec::new();
        let mut entries = page.entries.clone();
        let directory_bytes = 2 + 12 * (entries.len() + 2) + 4;
        let start = file.len();
        let mut beside = Vec::new();
        let beside_at = start + directory_bytes;
        let values_bytes: usize =
            4 * (entries.iter().map(|it| it.2.len()).sum::<usize>() + 2 * page.strips.len() + 8);
        for strip in &page.strips {
            places.push((beside_at + values_bytes + strips.len()) as u32);
            lengths.push(strip.len() as u32);
            strips.extend_from_slice(strip);
        }
        let is_in_tiles = entries.iter().any(|entry| entry.0 == 322);
        entries.push((if is_in_tiles { 324 } else { 273 }, LONG, places));
        entries.push((if is_in_tiles { 325 } else { 279 }, LONG, lengths));
        entries.sort_by_key(|entry| entry.0);
        file[link..link + 4].copy_from_slice(&(start as u32).to_le_bytes());
        file.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, values) in &entries {
            file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            file.extend((values.len() as u32).to_le_bytes());
            let mut bytes: Vec<u8> = match *kind {
                SHORT => values
                    .iter()
                    .flat_map(|it| (*it as u16).to_le_bytes())
                    .collect(),
                _ => values.iter().flat_map(|it| it.to_le_bytes()).collect(),
            };
            if bytes.len() > 4 {
                file.extend(((beside_at + beside.len()) as u32).to_le_bytes());
                beside.extend(bytes);
            } else {
                bytes.resize(4, 0);
                file.extend(bytes);
            }
        }
        link = file.len();
        file.extend([0; 4]);
        beside.resize(values_bytes, 0);
        file.extend(beside);
        file.extend(strips);
    }
    file
}

fn rgb() -> Vec<u8> {
    quarters(SIDE, SIDE).into_raw()
}

#[track_caller]
fn refused(file: &[u8]) -> common::fault::Fault {
    crate::tile(file, SPEC, &LIMITS).expect_err("no picture")
}

#[test]
fn no_decoder_quotes_the_file() {
    // One pixel of so many colours of one bit each, of which the decoder tells every one.
    let many = Page::new(2, 1, 10_000, vec![0; 1_250])
        .with(256, LONG, &[1])
        .with(257, LONG, &[1]);
    let fault = refused(&tiff(&[many]));
    assert_eq!(
        (fault.code, fault.reason),
        (Code::UnsupportedFormat, Some(Reason::Feature))
    );
    assert!(fault.detail.len() < 300, "{}", fault.detail);
}

#[test]
fn every_depth_is_read() {
    let wide = |bytes: usize| -> Vec<u8> {
        let sample = |value: &u8| match bytes {
            2 => (u16::from(*value) * 257).to_le_bytes().to_vec(),
            _ => (u32::from(*value) * 0x0101_0101).to_le_bytes().to_vec(),
        };
        rgb().iter().flat_map(sample).collect()
    };
    let floats = rgb();
    let floats = floats
        .iter()
        .flat_map(|value| (f32::from(*value) / 255.0).to_le_bytes());
    let float = Page::new(2, 32, 3, floats.collect()).with(339, SHORT, &[3, 3, 3]);
    for page in [
        Page::new(2, 8, 3, rgb()),
        Page::new(2, 16, 3, wide(2)),
        Page::new(2, 32, 3, wide(4)),
        float,
    ] {
        shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
    }
    let signed = Page::new(2, 16, 3, wide(2)).with(339, SHORT, &[2, 2, 2]);
    assert_eq!(refused(&tiff(&[signed])).code, Code::UnsupportedFormat);
}

#[test]
fn a_scan_of_a_page_is_read_in_black_and_white() {
    // The left half is black.
    let row: Vec<u8> = (0..SIDE / 8)
        .map(|at| if at < SIDE / 16 { 0 } else { 255 })
        .collect();
    let data: Vec<u8> = (0..SIDE).flat_map(|_| row.clone()).collect();
    let inverted = data.iter().map(|byte| !byte).collect();
    for page in [Page::new(1, 1, 1, data), Page::new(0, 1, 1, inverted)] {
        let (_, tile) = prepared(&tiff(&[page]), SPEC);
        is_near(&tile, 40, 112, [0; 3]);
        is_near(&tile, 180, 112, WHITE);
    }
}

#[test]
fn opacity_is_what_the_file_says_it_is() {
    // Half of a colour: as it is, or darker by it already.
    let pixel = |rgb: [u8; 3], opacity: u8| [rgb[0], rgb[1], rgb[2], opacity];
    let all = |pixel: [u8; 4]| (0..SIDE * SIDE).flat_map(|_| pixel).collect::<Vec<u8>>();
    let pale = [237, 142, 142];
    let straight = Page::new(2, 8, 4, all(pixel(RED, 128))).with(338, SHORT, &[2]);
    is_near(&prepared(&tiff(&[straight]), SPEC).1, 112, 112, pale);
    let darker = pixel(RED.map(|it| (u16::from(it) * 128 / 255) as u8), 128);
    let associated = Page::new(2, 8, 4, all(darker)).with(338, SHORT, &[1]);
    is_near(&prepared(&tiff(&[associated]), SPEC).1, 112, 112, pale);
    let unknown = Page::new(2, 8, 4, all(pixel(RED, 0))).with(338, SHORT, &[0]);
    is_near(&prepared(&tiff(&[unknown]), SPEC).1, 112, 112, RED);
    let grey: Vec<u8> = (0..SIDE * SIDE).flat_map(|_| [100, 0]).collect();
    let clear = Page::new(1, 8, 2, grey).with(338, SHORT, &[2]);
    is_near(&prepared(&tiff(&[clear]), SPEC).1, 112, 112, WHITE);
}

#[test]
fn planes_and_strips_come_together() {
    let picture = rgb();
    let planes = |at: usize| picture.iter().skip(at).step_by(3).copied().collect();
    let mut apart = Page::new(2, 8, 3, Vec::new()).with(284, SHORT, &[2]);
    apart.strips = (0..3).map(planes).collect();
    shows_quarters(&prepared(&tiff(&[apart]), SPEC).1);
    let mut strips = Page::new(2, 8, 3, Vec::new()).with(278, LONG, &[7]);
    strips.strips = picture
        .chunks(7 * 3 * SIDE as usize)
        .map(<[u8]>::to_vec)
        .collect();
    shows_quarters(&prepared(&tiff(&[strips]), SPEC).1);
}

#[test]
fn a_smaller_copy_before_the_picture_is_passed_over() {
    let small = Page::new(2, 8, 3, vec![9; 48])
        .with(256, LONG, &[4])
        .with(257, LONG, &[4])
        .with(278, LONG, &[4]);
    let picture = Page::new(2, 8, 3, rgb());
    for (tag, value) in [(254, 1), (254, 4), (255, 2)] {
        let first = small.clone().with(tag, LONG, &[value]);
        let (facts, tile) = prepared(&tiff(&[first.clone(), picture.clone()]), SPEC);
        assert_eq!((facts.width, facts.height), (SIDE, SIDE), "{tag}");
        shows_quarters(&tile);
        let alone = crate::picture(&tiff(&[first]), &[SPEC], &LIMITS).expect("nothing else");
        assert_eq!(alone.width, 4);
    }
}

#[test]
fn little_that_is_missing_is_a_warning() {
    let plain = tiff(&[Page::new(2, 8, 3, rgb())]);
    let mut many = Page::new(2, 8, 3, Vec::new()).with(278, LONG, &[5]);
    let strips = rgb();
    many.strips = strips
        .chunks(5 * 3 * SIDE as usize)
        .map(<[u8]>::to_vec)
        .collect();
    for file in [plain, tiff(&[many])] {
        let (facts, tile) = prepared(&file[..file.len() * 95 / 100], SPEC);
        assert_eq!(facts.warnings, [Warning::Truncated]);
        is_near(&tile, 56, 56, QUARTERS[0]);
        let half = refused(&file[..file.len() / 2]);
        assert_eq!(half.code, Code::ImageTruncated);
        let told = ["48", "49", "50"].iter().any(|it| half.detail.contains(it));
        assert!(told, "{}", half.detail);
    }
}

#[test]
fn what_never_came_is_white_in_every_kind_of_colours() {
    let side = SIDE as usize;
    let paper = |photometric: u32, samples: usize, sample: u8| {
        let data = vec![sample; side * side * samples];
        tiff(&[Page::new(photometric, 8, samples as u32, data)])
    };
    // Without ink, and black on white with 0 for white.
    for file in [paper(5, 4, 0), paper(0, 1, 0), paper(2, 3, 255)] {
        let (facts, tile) = prepared(&file[..file.len() * 95 / 100], SPEC);
        assert_eq!(facts.warnings, [Warning::Truncated]);
        is_near(&tile, 112, 218, WHITE);
        is_near(&tile, 112, 20, WHITE);
    }
}

#[test]
fn rows_that_nobody_wants_may_be_missing() {
    let mut spec = SPEC;
    spec.fit = common::model::Fit::Crop;
    let tall = |side: u32, height: u32| {
        let data = vec![200; (side * height * 3) as usize];
        Page::new(2, 8, 3, data)
            .with(256, LONG, &[side])
            .with(257, LONG, &[height])
            .with(278, LONG, &[height])
    };
    let file = tiff(&[tall(60, 600)]);
    let made = crate::tile(&file[..file.len() * 90 / 100], spec, &LIMITS).expect("its middle");
    assert_eq!(made.facts.warnings, []);
}

#[test]
fn planes_that_are_cut_off_end_early_and_are_not_broken() {
    let plane = vec![50; (SIDE * SIDE) as usize];
    let mut apart = Page::new(2, 8, 3, Vec::new()).with(284, SHORT, &[2]);
    apart.strips = vec![plane; 3];
    let file = tiff(&[apart]);
    let (facts, _) = prepared(&file[..file.len() - 2 * SIDE as usize], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
    let without_a_plane = &file[..file.len() - (SIDE * SIDE) as usize];
    assert_eq!(refused(without_a_plane).code, Code::ImageTruncated);
}

#[test]
fn large_files_have_a_format_of_their_own() {
    let small = encoded(quarters(300, 300), image::ImageFormat::Tiff);
    assert_eq!(crate::sniff::sniff(&small), Ok(Format::Tiff));
    let mut file = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new_big(&mut file).expect("an encoder");
    let picture = quarters(300, 300);
    encoder
        .write_image::<tiff::encoder::colortype::RGB8>(300, 300, picture.as_raw())
        .expect("encodes");
    let (facts, tile) = prepared(&file.into_inner(), SPEC);
    assert_eq!(facts.format, Format::Tiff);
    shows_quarters(&tile);
}

#[test]
fn one_strip_has_to_fit_into_memory() {
    let page = Page::new(1, 8, 1, vec![7; 2_000 * 2_000])
        .with(256, LONG, &[2_000])
        .with(257, LONG, &[2_000])
        .with(278, LONG, &[2_000]);
    let limits = Limits {
        max_decoded_bytes: 3 << 20,
        ..LIMITS
    };
    let fault = crate::tile(&tiff(&[page]), SPEC, &limits).expect_err("four megabytes");
    assert_eq!(fault.code, Code::ImageTooLarge);
}

/// A page of A4 at 600 dots per inch lies in memory a strip at a time.
#[test]
fn what_is_large_goes_by_in_strips() {
    let row = vec![0b1110_0111_u8; 620];
    let mut page = Page::new(1, 1, 1, Vec::new())
        .with(256, LONG, &[4_960])
        .with(257, LONG, &[7_016])
        .with(278, LONG, &[8]);
    page.strips = (0..877).map(|_| row.repeat(8)).collect();
    let limits = Limits {
        max_pixels: 40_000_000,
        max_decoded_bytes: 2 << 20,
        ..LIMITS
    };
    let made = crate::tile(&tiff(&[page]), SPEC, &limits).expect("a page");
    assert_eq!((made.facts.width, made.facts.height), (4_960, 7_016));
}

#[test]
fn nonsense_never_panics() {
    let mut apart = Page::new(2, 8, 3, Vec::new()).with(284, SHORT, &[2]);
    apart.strips = (0..3).map(|_| vec![50; (SIDE * SIDE) as usize]).collect();
    let tiles = Page::new(1, 8, 1, Vec::new()).in_tiles(64, 64, vec![vec![9; 64 * 64]; 4]);
    let planes = Page::new(2, 8, 3, Vec::new())
        .with(284, SHORT, &[2])
        .in_tiles(64, 64, vec![vec![9; 64 * 64]; 12]);
    let palette = Page::new(3, 8, 1, vec![7; (SIDE * SIDE) as usize]).with(320, SHORT, &[90; 768]);
    let pages = [
        Page::new(2, 8, 3, rgb()),
        apart,
        tiles,
        planes,
        palette,
        Page::new(0, 1, 1, vec![0x5a; (SIDE * SIDE / 8) as usize]),
        Page::new(2, 8, 4, vec![80; (SIDE * SIDE * 4) as usize]).with(338, SHORT, &[1]),
    ];
    let mut state = 5_u32;
    for page in pages {
        let file = tiff(&[page]);
        for _ in 0..300 {
            let mut broken = file.clone();
            for _ in 0..2 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % 300;
                broken[at] = (state >> 24) as u8;
            }
            let _ = crate::tile(&broken, SPEC, &LIMITS);
        }
    }
}
