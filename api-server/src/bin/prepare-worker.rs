//! The decoding process alone, for this crate's tests: there, the program that
//! runs the server is the tests' own.

use std::io;

fn main() -> io::Result<()> {
    let memory_bytes = std::env::args().nth(2).and_then(|bytes| bytes.parse().ok());
    prepare::child::run(memory_bytes.ok_or_else(|| io::Error::other("prepare-worker MEMORY_BYTES"))?, prepare::tile)
}
