//! How many pictures a file holds, counted without decoding any. Where the
//! structure ends too early, what was seen counts: decoding judges the rest.

use crate::{
    Format,
    others::{gif, webp},
    png::chunks,
};

pub fn count(file: &[u8], format: Format) -> u32 {
    let found = match format {
        Format::Gif => gif(file),
        Format::WebP => webp(file),
        Format::Png => png(file),
        Format::Jpeg | Format::Bmp | Format::Tiff | Format::Raw => None,
        Format::Heic | Format::Avif | Format::Jxl => None,
    };
    found.unwrap_or(1).max(1)
}

fn gif(file: &[u8]) -> Option<u32> {
    u32::try_from(gif::frames(file).count()).ok()
}

/// The `ANMF` chunks of an extended WebP.
fn webp(file: &[u8]) -> Option<u32> {
    u32::try_from(
        webp::chunks(file)
            .filter(|(name, _)| *name == b"ANMF")
            .count(),
    )
    .ok()
}

/// Returns what an animated PNG says of itself in `acTL`, before its first pixels.
fn png(file: &[u8]) -> Option<u32> {
    let (_, body) = chunks::chunks(file)
        .take_while(|(name, _)| *name != b"IDAT")
        .find(|(name, _)| *name == b"acTL")?;
    body.first_chunk().map(|frames| u32::from_be_bytes(*frames))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::pictures::{self, chunk, gif_of};

    #[test]
    fn the_images_of_a_gif_are_counted() {
        for frames in [1, 2, 300] {
            let file = gif_of(frames);
            assert_eq!(count(&file, Format::Gif), frames);
            // Cut off, or nonsense behind it: no panic, and never more.
            for length in 0..file.len().min(2_000) {
                assert!(count(&file[..length], Format::Gif) <= frames.max(1));
            }
        }
    }

    #[test]
    fn a_webp_and_a_png_tell_too() {
        let frame = pictures::quarters(8, 8);
        let file = pictures::animated_webp(&[frame.clone(), frame.clone(), frame]);
        assert_eq!(count(&file, Format::WebP), 3);
        assert_eq!(count(&file[..20], Format::WebP), 1);
        let header = [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &[0; 13])].concat();
        let animated = [&header[..], &chunk(b"acTL", &[0, 0, 1, 44, 0, 0, 0, 0])].concat();
        assert_eq!(count(&animated, Format::Png), 300);
        assert_eq!(
            count(&[&header[..], &chunk(b"IDAT", &[])].concat(), Format::Png),
            1
        );
        assert_eq!(count(&header, Format::Png), 1);
    }
}
