//! Any bytes as a list of images, NDJSON and CSV, packed in each way: they become items of bounded length, within flat
//! memory.
#![no_main]

use std::io::Cursor;

use futures_util::StreamExt;
use ledger::intake::{BatchItem, lines};
use manifest::{Compression, CsvRows, decoded};
use tagfleet_fuzz::memory::peak_bytes;
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::FramedRead;

/// A window of zstd, what is read at once of each, and what a row may have.
const GIVEN_BYTES: usize = 32 << 20;
/// Far above a cell's bound, which is not told outside of its crate.
const MAX_CELL_BYTES: usize = 64 << 10;
/// What a packed list may become: 200 times itself, or 4 MiB.
const MAX_RATIO: usize = 200;
const FREE_BYTES: usize = 4 << 20;

libfuzzer_sys::fuzz_target!(|packed: &[u8]| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        for read in [read_lines, read_rows] {
            let (plain_bytes, peak) = peak_bytes(|| read(&runtime, packed, compression));
            assert!(plain_bytes <= FREE_BYTES.max(packed.len() * MAX_RATIO));
            assert!(peak <= GIVEN_BYTES + packed.len(), "{peak} bytes at once");
        }
    }
});

/// Returns the bytes of all items.
fn read_lines(runtime: &Runtime, packed: &[u8], compression: Compression) -> usize {
    runtime.block_on(async {
        let mut lines = std::pin::pin!(lines(Cursor::new(packed.to_vec()), compression));
        let mut bytes = 0;
        while let Some(Ok(line)) = lines.next().await {
            assert!(line.len() <= MAX_CELL_BYTES);
            let item = serde_json::from_str::<BatchItem>(&line).ok();
            let item = item.and_then(|item| item.check().ok());
            bytes += item.map_or(0, |item| item.custom_id.len() + item.url.len());
        }
        bytes
    })
}

fn read_rows(runtime: &Runtime, packed: &[u8], compression: Compression) -> usize {
    runtime.block_on(async {
        let plain = decoded(Cursor::new(packed.to_vec()), compression);
        let mut rows = FramedRead::new(plain, CsvRows::default());
        let mut bytes = 0;
        while let Some(Ok(row)) = rows.next().await {
            assert!(row.url.len() <= MAX_CELL_BYTES && row.custom_id.len() <= MAX_CELL_BYTES);
            bytes += row.url.len();
        }
        bytes
    })
}
