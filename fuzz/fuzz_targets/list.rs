//! Any bytes as a list of images, in each format that is text, packed in each way: they become rows of bounded length, within
//! flat memory, and as many whatever the pieces in which they come.
#![no_main]

use std::io::Cursor;

use common::{budget::Budget, unpack::Compression};
use futures_util::StreamExt;
use manifest::{Columns, Format, MAX_CELL_BYTES, Rows, plain};
use tagfleet_fuzz::memory::peak_bytes;
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::FramedRead;

/// A window of zstd, what is read at once of each, and what a row may have.
const GIVEN_BYTES: usize = 32 << 20;
/// Larger windows are refused for want of room.
const BUDGET_BYTES: usize = 16 << 20;
/// A row, and what is said of one that is wrong.
const MOST_BYTES: usize = 4 * MAX_CELL_BYTES + 4096;

libfuzzer_sys::fuzz_target!(|packed: &[u8]| {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Zstd,
        Compression::Brotli,
    ] {
        for format in [Format::Ndjson, Format::Csv, Format::Text] {
            let (large, peak) =
                peak_bytes(|| rows(&runtime, packed, compression, format, 64 << 10));
            assert!(
                peak <= GIVEN_BYTES + 2 * packed.len(),
                "{peak} bytes at once"
            );
            if packed.len() < 4096 {
                assert_eq!(rows(&runtime, packed, compression, format, 7), large);
            }
        }
    }
});

/// Returns how many rows there are, and whether they end well.
fn rows(
    runtime: &Runtime,
    packed: &[u8],
    compression: Compression,
    format: Format,
    piece: usize,
) -> (usize, bool) {
    runtime.block_on(async {
        let budget = Budget::new(BUDGET_BYTES);
        let Ok(text) = plain(Cursor::new(packed.to_vec()), compression, &budget).await else {
            return (0, false);
        };
        let rows = Rows::new(format, &Columns::default());
        let mut rows = FramedRead::with_capacity(text, rows, piece);
        let mut count = 0;
        while let Some(row) = rows.next().await {
            let Ok(row) = row else { return (count, false) };
            let Some(row) = row else { continue };
            let id = row.custom_id.as_deref().unwrap_or_default();
            let wrong = row.wrong.as_deref().unwrap_or_default();
            assert!(
                row.url.len() <= MOST_BYTES && id.len() <= MOST_BYTES && wrong.len() <= MOST_BYTES
            );
            count += 1;
        }
        (count, true)
    })
}
