//! The decoding process and the one that reads lists, alone, for this crate's tests: there, the program that
//! runs the server is the tests' own.

use std::io;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next();
    let memory_bytes = arguments.next().and_then(|bytes| bytes.parse().ok());
    let memory_bytes = memory_bytes.ok_or_else(|| io::Error::other("ROLE MEMORY_BYTES"))?;
    match role.as_deref() {
        Some("manifest-reader") => manifest::apart::run(memory_bytes),
        _ => prepare::child::run(memory_bytes, prepare::picture),
    }
}
