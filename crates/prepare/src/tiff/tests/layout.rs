//! Where samples lie: in tiles of planes, and with the lowest bit first.

use tiff::encoder::{TiffEncoder, colortype::RGB8, compression::DeflateLevel};

use super::*;

/// The samples of a picture, those of each plane in tiles of their own, with nothing beyond its edges.
fn tiles_of_planes(picture: &[u8], samples: usize, tile: (u32, u32)) -> Vec<Vec<u8>> {
    let across = SIDE.div_ceil(tile.0);
    let down = SIDE.div_ceil(tile.1);
    let mut tiles = Vec::new();
    for plane in 0..samples {
        for number in 0..across * down {
            let left = number % across * tile.0;
            let top = number / across * tile.1;
            let pixels = (0..tile.1).flat_map(|y| (0..tile.0).map(move |x| (left + x, top + y)));
            let sample = |(x, y): (u32, u32)| {
                let at = (y * SIDE + x) as usize * samples + plane;
                if x < SIDE && y < SIDE { picture[at] } else { 9 }
            };
            tiles.push(pixels.map(sample).collect());
        }
    }
    tiles
}

fn in_planes(photometric: u32, bits: u32, samples: u32) -> Page {
    Page::new(photometric, bits, samples, Vec::new()).with(284, SHORT, &[2])
}

const TILES: [(u32, u32); 4] = [(64, 64), (16, 48), (128, 128), (48, 16)];

#[test]
fn planes_in_tiles_come_together() {
    for tile in TILES {
        let tiles = tiles_of_planes(&rgb(), 3, tile);
        let page = in_planes(2, 8, 3).in_tiles(tile.0, tile.1, tiles);
        let (facts, made) = prepared(&tiff(&[page]), SPEC);
        assert_eq!(facts.warnings, [], "{tile:?}");
        shows_quarters(&made);
    }
}

#[test]
fn planes_in_tiles_are_read_at_every_depth() {
    for tile in TILES {
        let tiles = tiles_of_planes(&rgb(), 3, tile);
        let widened = |wide: fn(u8) -> Vec<u8>| -> Vec<Vec<u8>> {
            let one = |tile: &Vec<u8>| tile.iter().flat_map(|sample| wide(*sample)).collect();
            tiles.iter().map(one).collect()
        };
        let sixteen = widened(|sample| (u16::from(sample) * 257).to_le_bytes().to_vec());
        let float = widened(|sample| (f32::from(sample) / 255.0).to_le_bytes().to_vec());
        let floats = in_planes(2, 32, 3).with(339, SHORT, &[3, 3, 3]);
        for page in [
            in_planes(2, 16, 3).in_tiles(tile.0, tile.1, sixteen),
            floats.in_tiles(tile.0, tile.1, float),
        ] {
            shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
        }
    }
}

#[test]
fn planes_in_tiles_may_be_inks_or_differences() {
    let inks: Vec<u8> = rgb()
        .chunks(3)
        .flat_map(|pixel| [255 - pixel[0], 255 - pixel[1], 255 - pixel[2], 0])
        .collect();
    let tile = (64, 48);
    let page = in_planes(5, 8, 4).in_tiles(tile.0, tile.1, tiles_of_planes(&inks, 4, tile));
    shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
    let difference = |tile: Vec<u8>| -> Vec<u8> {
        let rows = tile.chunks(64);
        let row = |row: &[u8]| -> Vec<u8> {
            let before = std::iter::once(0).chain(row.iter().copied());
            row.iter()
                .zip(before)
                .map(|(now, before)| now.wrapping_sub(before))
                .collect()
        };
        rows.flat_map(row).collect()
    };
    let tiles = tiles_of_planes(&rgb(), 3, tile);
    let tiles = tiles.into_iter().map(difference).collect();
    let page = in_planes(2, 8, 3)
        .with(317, SHORT, &[2])
        .in_tiles(tile.0, tile.1, tiles);
    shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
}

#[test]
fn tiles_far_larger_than_the_picture_have_to_fit_into_memory() {
    let page = in_planes(2, 8, 3).in_tiles(128, u32::MAX, vec![vec![9; 64]; 3]);
    assert_eq!(refused(&tiff(&[page])).code, Code::ImageTooLarge);
}

#[test]
fn a_cut_plane_in_tiles_ends_early() {
    let tile = (64, 64);
    let page = in_planes(2, 8, 3).in_tiles(64, 64, tiles_of_planes(&rgb(), 3, tile));
    let file = tiff(&[page]);
    let half = refused(&file[..file.len() / 2]);
    assert_eq!(half.code, Code::ImageTruncated);
    let (facts, _) = prepared(&file[..file.len() - 64 * 10], SPEC);
    assert_eq!(facts.warnings, [Warning::Truncated]);
}

fn mirrored(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

/// The picture's only strip, as the crate's encoder packs it.
fn packed(compression: tiff::encoder::Compression) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).expect("an encoder");
    let mut encoder = encoder.with_compression(compression);
    let mut image = encoder.new_image::<RGB8>(SIDE, SIDE).expect("a page");
    image.rows_per_strip(SIDE).expect("one strip");
    image.write_data(&rgb()).expect("encodes");
    only_strip(file)
}

#[test]
fn the_lowest_bit_of_a_byte_may_come_first() {
    use tiff::encoder::Compression;
    for (number, compression) in [
        (1, Compression::Uncompressed),
        (5, Compression::Lzw),
        (8, Compression::Deflate(DeflateLevel::Fast)),
        (32_773, Compression::Packbits),
    ] {
        let strip = packed(compression);
        let plain = Page::new(2, 8, 3, strip.clone()).with(259, SHORT, &[number]);
        let mut turned = plain.clone().with(266, SHORT, &[2]);
        turned.strips = vec![mirrored(&strip)];
        for page in [plain.with(266, SHORT, &[1]), turned] {
            let (facts, made) = prepared(&tiff(&[page]), SPEC);
            assert_eq!(facts.warnings, [], "{number}");
            shows_quarters(&made);
        }
    }
}

/// The left half is black. The first row tells where it ends, and each other row says the same once more.
fn group_4() -> Vec<u8> {
    let horizontal = "001";
    let no_white = "00110101";
    let sixty_black = "000000101100";
    let as_above = "1";
    let end = "000000000001".repeat(2);
    let first = [horizontal, no_white, sixty_black, as_above].concat();
    let rows = as_above.repeat(3 * (SIDE as usize - 1));
    let mut bits = [first, rows, end].concat();
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).expect("bits");
    (0..bits.len()).step_by(8).map(byte).collect()
}

#[test]
fn a_fax_may_have_its_lowest_bit_first() {
    let strip = group_4();
    let plain = Page::new(0, 1, 1, strip.clone()).with(259, SHORT, &[4]);
    let mut turned = plain.clone().with(266, SHORT, &[2]);
    turned.strips = vec![mirrored(&strip)];
    for page in [plain, turned] {
        let (facts, made) = prepared(&tiff(&[page]), SPEC);
        assert_eq!(facts.warnings, []);
        is_near(&made, 40, 112, [0; 3]);
        is_near(&made, 180, 112, WHITE);
    }
}

/// JPEG knows one order of bits, and programs that set the tag leave its data as it is.
#[test]
fn a_jpeg_inside_keeps_its_bits() {
    let jpeg = testing::pictures::jpeg(&quarters(SIDE, SIDE));
    let page = Page::new(6, 8, 3, jpeg).with(259, SHORT, &[7]);
    shows_quarters(&prepared(&tiff(&[page.with(266, SHORT, &[2])]), SPEC).1);
}

#[test]
fn bits_may_be_turned_within_bytes_of_any_depth() {
    let wide: Vec<u8> = rgb()
        .iter()
        .flat_map(|sample| (u16::from(*sample) * 257).to_le_bytes())
        .collect();
    let page = Page::new(2, 16, 3, mirrored(&wide)).with(266, SHORT, &[2]);
    shows_quarters(&prepared(&tiff(&[page]), SPEC).1);
}

/// Tiles at the right edge whose last few codes make many rows of nothing.
#[test]
fn lzw_in_tiles_is_whole_without_an_end_code_too() {
    for side in [64_u32, 100, 119] {
        let tiles = tiles_of_planes(&rgb(), 3, (side, side)).into_iter();
        let packed: Vec<Vec<u8>> = tiles.map(|tile| lzw(&tile, side)).collect();
        // The end code has nine bits or more, and the last byte holds some of them.
        let without_end = packed.iter().map(|tile| tile[..tile.len() - 1].to_vec());
        for tiles in [without_end.collect(), packed.clone()] {
            let page = in_planes(2, 8, 3).with(259, SHORT, &[5]);
            let page = page.in_tiles(side, side, tiles);
            let (facts, made) = prepared(&tiff(&[page]), SPEC);
            assert_eq!(facts.warnings, [], "{side}");
            shows_quarters(&made);
        }
    }
}

/// What is missing is not taken for black.
#[test]
fn lzw_in_tiles_at_the_edge_tells_where_it_ends() {
    let side = 100;
    let tiles = tiles_of_planes(&rgb(), 3, (side, side)).into_iter();
    let packed: Vec<Vec<u8>> = tiles.map(|tile| lzw(&tile, side)).collect();
    let halves = packed.iter().map(|tile| tile[..tile.len() / 2].to_vec());
    let page = in_planes(2, 8, 3).with(259, SHORT, &[5]);
    let page = page.in_tiles(side, side, halves.collect());
    assert_eq!(refused(&tiff(&[page])).code, Code::ImageInvalid);
}

/// A square of grey, as the crate's encoder packs it.
fn lzw(samples: &[u8], side: u32) -> Vec<u8> {
    use tiff::encoder::{Compression, colortype::Gray8};
    let mut file = std::io::Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).expect("an encoder");
    let mut encoder = encoder.with_compression(Compression::Lzw);
    let mut image = encoder.new_image::<Gray8>(side, side).expect("a page");
    image.rows_per_strip(side).expect("one strip");
    image.write_data(samples).expect("encodes");
    only_strip(file)
}

fn only_strip(mut file: std::io::Cursor<Vec<u8>>) -> Vec<u8> {
    file.set_position(0);
    let mut tiff = tiff::decoder::Decoder::new(&mut file).expect("a file");
    let mut number = |tag| tiff.get_tag_unsigned::<u32>(tag).expect("told") as usize;
    let at = number(tiff::tags::Tag::StripOffsets);
    let length = number(tiff::tags::Tag::StripByteCounts);
    file.into_inner()[at..at + length].to_vec()
}
