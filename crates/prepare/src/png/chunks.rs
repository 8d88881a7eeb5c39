//! What a PNG holds beside its pixels.

use std::io::Read;

use common::fault::{Code, Fault};
use flate2::{Crc, read::ZlibDecoder};

use crate::fault;

/// Far above every text and colour profile that is meant as one. A chunk of a
/// megabyte can inflate to a thousand of them.
const MAX_INFLATED_BYTES: u64 = 16 << 20;

type Chunk<'a> = (&'a [u8; 4], &'a [u8]);

/// Name and body of each chunk, up to where the structure ends.
pub fn chunks(png: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = png.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (body, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // Behind it stands its checksum.
        rest = after.get(4..)?;
        Some((name, body))
    })
}

/// The share of the pixels' data before the first of its chunks whose checksum is wrong.
pub fn sound_share(png: &[u8]) -> f64 {
    let is_pixels = |(name, _): &Chunk<'_>| *name == b"IDAT";
    let all: usize = chunks(png)
        .filter(is_pixels)
        .map(|(_, body)| body.len())
        .sum();
    let sound = chunks(png)
        .filter(is_pixels)
        .take_while(|(name, body)| has_checksum(png, *name, body));
    let sound: usize = sound.map(|(_, body)| body.len()).sum();
    sound as f64 / all.max(1) as f64
}

/// Returns whether the four bytes behind the chunk are its checksum.
fn has_checksum(png: &[u8], name: &[u8], body: &[u8]) -> bool {
    let end = body.as_ptr_range().end.addr() - png.as_ptr().addr();
    let mut checksum = Crc::new();
    checksum.update(name);
    checksum.update(body);
    png.get(end..end + 4) == Some(&checksum.sum().to_be_bytes())
}

/// Nobody here reads the texts, and whoever is handed the file might: a bomb
/// is no image. The decoder itself would inflate a profile up to its limit of
/// memory, before it has looked at the picture's size.
pub fn check_inflated(png: &[u8]) -> Result<(), Fault> {
    let mut left = MAX_INFLATED_BYTES;
    for data in chunks(png).filter_map(compressed) {
        left -= inflated_bytes(data, left);
        if left == 0 {
            return Err(fault(
                Code::ImageInvalid,
                "The PNG holds text or a profile that inflates beyond all measure.",
            ));
        }
    }
    Ok(())
}

/// Returns what of a chunk beside the pixels is compressed.
fn compressed((name, body): Chunk<'_>) -> Option<&[u8]> {
    let after_text = |bytes: &'_ [u8]| bytes.iter().position(|byte| *byte == 0).map(|at| at + 1);
    let behind_keyword = &body[after_text(body)?..];
    match name {
        b"zTXt" | b"iCCP" => behind_keyword.get(1..),
        b"iTXt" => {
            let [1, _, languages @ ..] = behind_keyword else {
                return None;
            };
            let translated = &languages[after_text(languages)?..];
            Some(&translated[after_text(translated)?..])
        }
        _ => None,
    }
}

/// Up to `most`, or to where the data is broken: that is the decoder's to judge.
fn inflated_bytes(data: &[u8], most: u64) -> u64 {
    let mut inflated = ZlibDecoder::new(data).take(most);
    let mut piece = [0; 16 << 10];
    std::iter::from_fn(|| inflated.read(&mut piece).ok().filter(|bytes| *bytes > 0))
        .map(|bytes| bytes as u64)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::pictures::{deflate, header_only, insert_chunk};

    fn with(name: &[u8; 4], before: &[u8], inflated: u64) -> Vec<u8> {
        let data = deflate(std::io::repeat(b' ').take(inflated));
        insert_chunk(&header_only(8, 8), name, &[before, &data].concat())
    }

    #[test]
    fn texts_and_profiles_may_be_large_but_not_beyond_all_measure() {
        let kinds: [(&[u8; 4], &[u8]); 4] = [
            (b"zTXt", b"Comment\0\0"),
            (b"iCCP", b"Profile\0\0"),
            (b"iTXt", b"XML\0\x01\0en\0tr\0"),
            (b"iTXt", b"X\0\x01\0\0\0"),
        ];
        for (name, before) in kinds {
            assert!(check_inflated(&with(name, before, MAX_INFLATED_BYTES - 1)).is_ok());
            assert!(check_inflated(&with(name, before, MAX_INFLATED_BYTES)).is_err());
        }
        // A bit of everything counts together.
        let half = with(b"zTXt", b"Comment\0\0", MAX_INFLATED_BYTES / 2);
        let data = deflate(std::io::repeat(0).take(MAX_INFLATED_BYTES / 2));
        assert!(check_inflated(&half).is_ok());
        assert!(
            check_inflated(&insert_chunk(
                &half,
                b"iCCP",
                &[b"x\0\0", &data[..]].concat()
            ))
            .is_err()
        );
    }

    #[test]
    fn what_is_not_compressed_or_not_whole_is_let_pass() {
        let file = with(b"iTXt", b"XML\0\0\0en\0tr\0", MAX_INFLATED_BYTES);
        assert!(check_inflated(&file).is_ok(), "not compressed, by its flag");
        for body in [
            b"".as_slice(),
            b"x",
            b"x\0",
            b"x\0\x01",
            b"x\0\x01\0",
            b"x\0\x01\0en",
            b"x\0\x01\0en\0",
            b"x\0\x01\0\0\0nonsense",
        ] {
            assert!(
                check_inflated(&insert_chunk(&header_only(8, 8), b"iTXt", body)).is_ok(),
                "{body:?}"
            );
        }
        for length in 0..file.len().min(200) {
            assert!(check_inflated(&file[..length]).is_ok());
        }
    }
}
