//! Images that come packed although they were asked for as they are. Names of encodings that nobody knows, such as
//! `aws-chunked` of uploads by some kits, stand for nothing: the bytes show what they are.

use std::io::{self, Cursor};

use bytes::{Bytes, BytesMut};
use common::{
    budget::Budget,
    fault::Fault,
    image::is_image,
    stage::Stage,
    unpack::{Bounded, Compression, NotUnpacked, bare_deflate, decoded},
};
use http::{HeaderMap, header};
use tokio::io::AsyncReadExt;

use crate::{failure::Failure, faults};

/// Nobody packs an image more often.
const MOST_TIMES: usize = 2;
const READ_BYTES: usize = 64 << 10;

/// Returns how the body was packed, the last time last.
pub fn encodings(headers: &HeaderMap) -> Vec<Compression> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .filter_map(Compression::of_token)
        .collect()
}

/// Unpacks a file, to `max_bytes` at the most.
pub async fn unpacked(
    file: Bytes,
    encodings: &[Compression],
    max_bytes: usize,
    budget: &Budget,
) -> Result<Bytes, Failure> {
    if encodings.len() > MOST_TIMES {
        return Err(faults::encoded("it was packed more than twice").into());
    }
    let mut plain = file;
    for encoding in encodings.iter().rev() {
        if let Some(decoder) = decoder(&plain, *encoding) {
            plain = read(decoder, *encoding, max_bytes, budget).await?;
        }
    }
    if plain.is_empty() {
        return Err(faults::empty().into());
    }
    Ok(plain)
}

/// `None` where the bytes show that they are not packed like that.
fn decoder(file: &Bytes, encoding: Compression) -> Option<Bounded> {
    // Such bytes are packed no further, whatever is said of them.
    if is_image(file) {
        return None;
    }
    let packed = Cursor::new(file.clone());
    match encoding {
        Compression::Gzip if !file.starts_with(&[0x1f, 0x8b]) => None,
        Compression::Zstd if !file.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => None,
        Compression::Deflate if !is_zlib(file) => Some(bare_deflate(packed)),
        encoding => Some(decoded(packed, encoding)),
    }
}

/// RFC 1950: the method, and a number that makes both bytes a multiple of 31.
fn is_zlib(file: &[u8]) -> bool {
    let Some(head) = file.first_chunk::<2>() else {
        return false;
    };
    head[0] & 0x0f == 8 && u16::from_be_bytes(*head) % 31 == 0
}

async fn read(
    mut from: Bounded,
    encoding: Compression,
    max_bytes: usize,
    budget: &Budget,
) -> Result<Bytes, Failure> {
    let mut room = budget.growing(1, Stage::Fetch);
    let mut plain = BytesMut::new();
    loop {
        plain.reserve(READ_BYTES);
        let read = from.read_buf(&mut plain).await;
        let read = read.map_err(|error| why(&error, encoding))?;
        if read == 0 {
            return Ok(room.into_held().with(plain.freeze()));
        }
        if plain.len() > max_bytes {
            return Err(Failure::wasteful(faults::too_large(max_bytes)));
        }
        room.grow_to(plain.len())?;
    }
}

fn why(error: &io::Error, encoding: Compression) -> Fault {
    let name = encoding.name();
    match NotUnpacked::of(error) {
        Some(NotUnpacked::Cut(_)) => faults::cut(name),
        None | Some(NotUnpacked::Broken(_)) => faults::encoded(&format!(
            "it came packed as `{name}`, and its bytes are broken"
        )),
        Some(why) => faults::encoded(&format!("it came packed as `{name}`, and {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &'static str) -> Vec<Compression> {
        let value = http::HeaderValue::from_static(text);
        encodings(&HeaderMap::from_iter([(header::CONTENT_ENCODING, value)]))
    }

    #[test]
    fn names_that_nobody_knows_stand_for_nothing() {
        assert_eq!(named("aws-chunked"), []);
        assert_eq!(named("identity, , binary"), []);
        assert_eq!(named("aws-chunked, GZIP"), [Compression::Gzip]);
        assert_eq!(named("br,zstd"), [Compression::Brotli, Compression::Zstd]);
    }
}
