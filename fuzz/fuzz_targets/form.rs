//! Any bytes as a form, in pieces of any size: the first line is its content type, the rest its body. The bounds are those
//! of the API server, and what is kept stays within them.
#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use multer::{Constraints, Multipart, SizeLimit};
use tokio::runtime::Builder;

const MAX_IMAGE_BYTES: usize = 16 << 10;
const MAX_OPTION_BYTES: usize = 1 << 10;
const MAX_BODY_BYTES: usize = 32 << 10;
const PIECES: [usize; 4] = [1, 7, 64, usize::MAX];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let Ok(content_type) = str::from_utf8(&input[..end]) else {
        return;
    };
    let Ok(boundary) = multer::parse_boundary(content_type) else {
        return;
    };
    if !(1..=70).contains(&boundary.len()) {
        return;
    }
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let body = &input[end + 1..];
    let kept = PIECES.map(|piece| runtime.block_on(read(&boundary, body, piece)));
    // However it comes, it is the same form, or none.
    let whole: Vec<_> = kept.iter().flatten().collect();
    assert!(whole.windows(2).all(|pair| pair[0] == pair[1]), "{kept:?}");
});

/// Names and lengths of the parts; nothing for what is no form.
async fn read(boundary: &str, body: &[u8], piece: usize) -> Option<Vec<(String, usize)>> {
    let pieces: Vec<Result<Bytes, Infallible>> = body
        .chunks(piece.min(body.len().max(1)))
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let sizes = SizeLimit::new()
        .whole_stream(MAX_BODY_BYTES as u64)
        .per_field(MAX_OPTION_BYTES as u64)
        .for_field("image", MAX_IMAGE_BYTES as u64);
    let constraints = Constraints::new().size_limit(sizes);
    let mut form = Multipart::with_constraints(stream::iter(pieces), boundary, constraints);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name()?.to_owned();
        let most = if name == "image" {
            MAX_IMAGE_BYTES
        } else {
            MAX_OPTION_BYTES
        };
        let bytes = field.bytes().await.ok()?;
        assert!(bytes.len() <= most, "{name}: {} bytes", bytes.len());
        parts.push((name, bytes.len()));
    }
    Some(parts)
}
