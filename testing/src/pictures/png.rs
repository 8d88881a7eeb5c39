use std::io::{Read, Write};

use flate2::{Compression, Crc, read::ZlibEncoder};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Signature and `IHDR`.
const HEADER_BYTES: usize = 33;

pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let named = [name, body].concat();
    [
        &(body.len() as u32).to_be_bytes()[..],
        &named,
        &crc32(&named).to_be_bytes(),
    ]
    .concat()
}

/// As chunks hold it; `bytes` may be far more than memory.
pub fn deflate(bytes: impl Read) -> Vec<u8> {
    let mut deflated = Vec::new();
    ZlibEncoder::new(bytes, Compression::best())
        .read_to_end(&mut deflated)
        .expect("compresses");
    deflated
}

/// Nothing but what it claims to be, and ten bytes of something: 65 bytes.
pub fn header_only(width: u32, height: u32) -> Vec<u8> {
    file(
        header(width, height, 8, 2),
        &[chunk(b"IDAT", &deflate(std::io::empty()))],
    )
}

/// Black all over, and hardly a file.
pub fn png_of_zeros(width: u32, height: u32) -> Vec<u8> {
    let row_bytes = 1 + 3 * u64::from(width);
    let rows = std::io::repeat(0).take(row_bytes * u64::from(height));
    file(
        header(width, height, 8, 2),
        &[chunk(b"IDAT", &deflate(rows))],
    )
}

/// `colour`: 2 for RGB, 3 for a palette.
fn header(width: u32, height: u32, bits: u8, colour: u8) -> Vec<u8> {
    let mut body = Vec::new();
    body.write_all(&width.to_be_bytes())
        .expect("memory takes all");
    body.write_all(&height.to_be_bytes())
        .expect("memory takes all");
    body.extend([bits, colour, 0, 0, 0]);
    chunk(b"IHDR", &body)
}

fn file(header: Vec<u8>, chunks: &[Vec<u8>]) -> Vec<u8> {
    [
        &SIGNATURE[..],
        &header,
        &chunks.concat(),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

/// After the header.
pub fn insert_chunk(png: &[u8], name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let (header, rest) = png.split_at(HEADER_BYTES);
    [header, &chunk(name, body), rest].concat()
}

/// `colours` in equal quarters, row by row, each with an opacity.
pub fn palette_png(side: u32, colours: [[u8; 4]; 4]) -> Vec<u8> {
    let palette: Vec<u8> = colours.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    let alphas: Vec<u8> = colours.iter().map(|&[.., alpha]| alpha).collect();
    let row = |y: u32| {
        let below = 2 * u8::from(y >= side / 2);
        let pixels = (0..side).map(move |x| below + u8::from(x >= side / 2));
        std::iter::once(0).chain(pixels)
    };
    let rows: Vec<u8> = (0..side).flat_map(row).collect();
    let chunks = [
        chunk(b"PLTE", &palette),
        chunk(b"tRNS", &alphas),
        chunk(b"IDAT", &deflate(&rows[..])),
    ];
    file(header(side, side, 8, 3), &chunks)
}
