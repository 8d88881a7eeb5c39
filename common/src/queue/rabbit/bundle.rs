//! Several jobs in one message: the broker then pays once for what it would
//! else do for each. A part is its length, four bytes, and its bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const LENGTH: usize = size_of::<u32>();

pub fn join(parts: &[Bytes]) -> Bytes {
    let length = parts.iter().map(|part| LENGTH + part.len()).sum();
    let mut bundle = BytesMut::with_capacity(length);
    for part in parts {
        bundle.put_u32(u32::try_from(part.len()).expect("a job is smaller than a frame"));
        bundle.extend_from_slice(part);
    }
    bundle.freeze()
}

/// The parts, not copied; `None` where the bundle is not whole.
pub fn split(mut bundle: Bytes) -> Option<Vec<Bytes>> {
    let mut parts = Vec::new();
    while bundle.has_remaining() {
        let length = bundle.try_get_u32().ok()? as usize;
        if bundle.remaining() < length {
            return None;
        }
        parts.push(bundle.split_to(length));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_comes_apart_again() {
        let parts: Vec<_> = [&b"one"[..], b"", b"three"].map(Bytes::from_static).into();
        assert_eq!(split(join(&parts)), Some(parts));
        assert_eq!(split(Bytes::new()), Some(vec![]));
    }

    /// One is in the field (`common/tests/wire_versions`).
    #[test]
    fn a_bundle_is_what_it_was() {
        const FIRST: &[u8] = include_bytes!("../../../tests/wire_versions/first/job.msgpack");
        const SECOND: &[u8] = include_bytes!("../../../tests/wire_versions/second/job.msgpack");
        const BUNDLE: &[u8] = include_bytes!("../../../tests/wire_versions/second/bundle.bin");
        let parts: Vec<_> = [FIRST, SECOND].map(Bytes::from_static).into();
        assert_eq!(join(&parts), BUNDLE);
        assert_eq!(split(Bytes::from_static(BUNDLE)), Some(parts));
    }

    #[test]
    fn what_is_cut_off_is_no_bundle() {
        let whole = join(&[Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
        for length in [1, 3, 5, 8, whole.len() - 1] {
            assert_eq!(split(whole.slice(..length)), None, "{length} bytes");
        }
    }
}
