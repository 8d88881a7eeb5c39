/// An entry of a directory: tag, type, count, and its four bytes.
pub type Entry = (u16, u16, u32, u32);

/// A directory in the byte order of Intel, with no next one or with one at that place.
pub fn ifd(entries: &[Entry], next: u32) -> Vec<u8> {
    let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend(next.to_le_bytes());
    bytes
}
