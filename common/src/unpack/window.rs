//! How much a zstd stream asks to be kept of what it said before (RFC 8878, 3.1.1.1).

/// 8 MiB: what every level but the highest asks for, and what costs nobody a thought.
pub const FREE_LOG: u32 = 23;
/// 128 MiB: `zstd --long` without a number, and `--ultra -22`.
pub const MAX_LOG: u32 = 27;
pub const MAX_MIB: u64 = 1 << (MAX_LOG - 20);

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Parts without content that may come before: tools keep their notes there.
const SKIPPED_FRAMES: usize = 4;

/// The window of the first frame, if the head holds its description.
pub fn bytes(head: &[u8]) -> Option<u64> {
    let mut rest = head;
    for _ in 0..SKIPPED_FRAMES {
        if rest.starts_with(&MAGIC) {
            return of_frame(rest.get(MAGIC.len()..)?);
        }
        let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        rest = rest.get(8_usize.checked_add(length as usize)?..)?;
    }
    None
}

fn of_frame(frame: &[u8]) -> Option<u64> {
    let descriptor = *frame.first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    if is_single_segment {
        return content_bytes(descriptor, frame);
    }
    let window = u64::from(*frame.get(1)?);
    let base = 1 << (10 + (window >> 3));
    Some(base + base / 8 * (window & 7))
}

/// A frame in one piece says how long it is, and is its own window.
fn content_bytes(descriptor: u8, frame: &[u8]) -> Option<u64> {
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let at = 1 + dictionary;
    let field = |length: usize| frame.get(at..at + length);
    match descriptor >> 6 {
        0 => Some(u64::from(*field(1)?.first()?)),
        1 => Some(u64::from(u16::from_le_bytes(field(2)?.try_into().ok()?)) + 256),
        2 => Some(u64::from(u32::from_le_bytes(field(4)?.try_into().ok()?))),
        _ => Some(u64::from_le_bytes(field(8)?.try_into().ok()?)),
    }
}
