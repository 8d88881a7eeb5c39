//! What the two say to each other: a byte that says what follows, its length,
//! and what follows.

use std::io::{self, Read, Write};

/// Far above any: whoever announces more is broken.
pub const MAX_BYTES: usize = 72 << 20;

/// From the process: this piece of the file, please (start and length).
pub const WANTED: u8 = b'w';
/// Rows, as JSON.
pub const ROWS: u8 = b'r';
/// The file is wrong; why.
pub const WRONG: u8 = b'x';
/// The file has no further rows.
pub const END: u8 = b'e';
/// To the process: the file's length and the columns that are wanted, and then each piece that it asked for.
pub const PIECE: u8 = b'p';

pub fn head(kind: u8, length: usize) -> [u8; 5] {
    let [a, b, c, d] = (length as u32).to_be_bytes();
    [kind, a, b, c, d]
}

/// Returns what follows, and its length.
pub fn read_head([kind, a, b, c, d]: [u8; 5]) -> io::Result<(u8, usize)> {
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length <= MAX_BYTES {
        Ok((kind, length))
    } else {
        Err(io::Error::other("a frame is longer than any"))
    }
}

pub fn write(to: &mut impl Write, kind: u8, body: &[u8]) -> io::Result<()> {
    to.write_all(&head(kind, body.len()))?;
    to.write_all(body)?;
    to.flush()
}

pub fn read(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut prefix = [0; 5];
    from.read_exact(&mut prefix)?;
    let (kind, length) = read_head(prefix)?;
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok((kind, body))
}
