//! How long a file may take. Formats cost different time for the same bytes: a HEIC of 12 megapixels takes thirty times what a
//! JPEG of them takes.

use std::time::Duration;

use common::image::Format;

use crate::sniff;

/// What a file may take of the processor before it is slow: what a photo of 12 megapixels takes.
const BRISK: Duration = Duration::from_millis(50);
/// The same for each of its megabytes. So a large file has its time, and who wants much time has to send much.
const BRISK_PER_MB: Duration = Duration::from_millis(50);

/// Multiples of the time that a JPEG may take: until it is slow, and in all.
struct Weight {
    brisk: u32,
    longest: u32,
}

fn weight(file: &[u8]) -> Weight {
    match sniff::sniff(file) {
        Ok(Format::Heic | Format::Avif) => Weight {
            brisk: 6,
            longest: MOST_TIMES,
        },
        _ => Weight {
            brisk: 1,
            longest: 1,
        },
    }
}

/// No file may take more times the longest decode.
pub const MOST_TIMES: u32 = 2;

pub fn brisk(file: &[u8]) -> Duration {
    let of_bytes = BRISK_PER_MB.mul_f64(file.len() as f64 / 1e6);
    (BRISK + of_bytes) * weight(file).brisk
}

pub fn longest(file: &[u8], timeout: Duration) -> Duration {
    timeout * weight(file).longest
}
