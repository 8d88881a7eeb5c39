use image::{ImageFormat, RgbImage};

/// `RIFF`, its length, `WEBP`.
const HEADER_BYTES: usize = 12;

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    [
        b"RIFF",
        &(4 + chunks.len() as u32).to_le_bytes()[..],
        b"WEBP",
        &chunks,
    ]
    .concat()
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let gap = vec![0; body.len() % 2];
    [name, &(body.len() as u32).to_le_bytes()[..], body, &gap].concat()
}

fn three_bytes(number: u32) -> [u8; 3] {
    let [a, b, c, _] = number.to_le_bytes();
    [a, b, c]
}

fn canvas(flags: u8, width: u32, height: u32) -> Vec<u8> {
    chunk(
        b"VP8X",
        &[
            &[flags, 0, 0, 0],
            &three_bytes(width - 1)[..],
            &three_bytes(height - 1),
        ]
        .concat(),
    )
}

/// An extended file whose canvas and whose frame have sizes of their own.
pub fn extended_webp(side: u32, frame_side: u16) -> Vec<u8> {
    let frame_side = frame_side.to_le_bytes();
    let frame = [
        b"\x10\0\0\x9d\x01\x2a".as_slice(),
        &frame_side,
        &frame_side,
        &[0; 22],
    ]
    .concat();
    file(&[canvas(0, side, side), chunk(b"VP8 ", &frame)])
}

/// An extended file of a plain one, with what a camera wrote down behind the picture.
pub fn with_exif_webp(webp: &[u8], (width, height): (u32, u32), exif: &[u8]) -> Vec<u8> {
    const EXIF: u8 = 8;
    let picture = webp[HEADER_BYTES..].to_vec();
    file(&[canvas(EXIF, width, height), picture, chunk(b"EXIF", exif)])
}

/// Lossless frames of one size, the first of which gives the canvas its own.
pub fn animated_webp(frames: &[RgbImage]) -> Vec<u8> {
    const ANIMATION: u8 = 2;
    let (width, height) = frames[0].dimensions();
    let loops_for_ever = chunk(b"ANIM", &[0; 6]);
    let frames = frames.iter().map(|frame| {
        let lossless = super::encoded(frame.clone(), ImageFormat::WebP).split_off(HEADER_BYTES);
        let place = [
            [0; 3],
            [0; 3],
            three_bytes(width - 1),
            three_bytes(height - 1),
            three_bytes(100),
        ]
        .concat();
        chunk(b"ANMF", &[&place[..], &[0], &lossless].concat())
    });
    file(
        &[
            vec![canvas(ANIMATION, width, height), loops_for_ever],
            frames.collect(),
        ]
        .concat(),
    )
}
