//! Any bytes as a Parquet file. What the confined process may do is panic, which is an answer there; it may not touch
//! memory that is not its own, nor take more of it than it is given.
#![no_main]

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use bytes::Bytes;
use manifest::{ListError, parquet};
use tagfleet_fuzz::memory::peak_bytes;

/// What the process that reads such files may have.
const GIVEN_BYTES: usize = 384 << 20;
/// More than any input has in good faith: packed rows are few bytes.
const MAX_ROWS: usize = 100_000;

struct InMemory(Bytes);

impl parquet::ByteSource for InMemory {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn range(&self, start: u64, length: usize) -> io::Result<Bytes> {
        let start = usize::try_from(start).map_err(io::Error::other)?;
        let end = start.checked_add(length).filter(|end| *end <= self.0.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(self.0.slice(start..end))
    }
}

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    // The fuzzer's own hook ends the program at a panic, even at one that is caught.
    static HOOK: Once = Once::new();
    HOOK.call_once(|| panic::set_hook(Box::new(|_| {})));
    let file = InMemory(Bytes::copy_from_slice(file));
    let ((), peak) = peak_bytes(|| read(file));
    if peak > GIVEN_BYTES {
        eprintln!("{peak} bytes at once");
        std::process::abort();
    }
});

fn read(file: InMemory) {
    let mut rows = 0;
    let hand_out = |some: Vec<manifest::Row>| {
        rows += some.len();
        if rows > MAX_ROWS {
            return Err(ListError::Content("long enough".to_owned()));
        }
        Ok(())
    };
    let _ = panic::catch_unwind(AssertUnwindSafe(|| {
        parquet::read(file, &manifest::Columns::default(), hand_out)
    }));
}
