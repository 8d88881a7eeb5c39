//! What must hold of every file that is made into a tile, whatever is in it.

pub mod memory;
pub mod pieces;

use common::{
    fault::{Code, Fault},
    model::{Fit, TileSpec},
};
use prepare::{Limits, Prepared};
use turbojpeg::PixelFormat;

/// Far below a server's, so that no input takes long. Memory ends before pixels
/// do, so that it matters how it is reckoned.
const LIMITS: Limits = Limits {
    max_pixels: 4_000_000,
    max_decoded_bytes: 16 << 20,
    max_aspect: 50,
    max_frames: 20,
    tile_quality: 90,
};

/// A decoding process is given what the limits say, the file twice, and 128 MiB for all that is small.
const OVERHEAD_BYTES: usize = 4 << 20;

/// Small, and oblong: who mixes up two sides is found out.
const SPECS: [TileSpec; 4] = [
    TileSpec {
        width: 32,
        height: 24,
        fit: Fit::Crop,
    },
    TileSpec {
        width: 24,
        height: 32,
        fit: Fit::Stretch,
    },
    TileSpec {
        width: 32,
        height: 24,
        fit: Fit::Pad,
    },
    TileSpec {
        width: 1,
        height: 1,
        fit: Fit::Crop,
    },
];

/// The whole of the input is the file, so that a finding is a file to look at
/// with any program; its last byte chooses the tile as well.
pub fn check(file: &[u8]) {
    let spec = SPECS[usize::from(file.last().copied().unwrap_or_default()) % SPECS.len()];
    let (made, peak_bytes) = memory::peak_bytes(|| prepare::tile(file, spec, &LIMITS));
    let given_bytes =
        LIMITS.max_decoded_bytes as usize + 2 * file.len() + OVERHEAD_BYTES + claimed_bytes(file);
    assert!(
        peak_bytes <= given_bytes,
        "{peak_bytes} bytes at once, where {given_bytes} are given"
    );
    match made {
        Ok(prepared) => check_tile(file, spec, &prepared),
        Err(fault) => check_fault(&fault),
    }
}

/// Returns what a reader takes at once for what a header claims, before it is told a
/// limit or finds the file to be shorter. It stays untouched, and is bounded.
fn claimed_bytes(file: &[u8]) -> usize {
    match file {
        // Values of a tag
        [b'I', b'I', ..] | [b'M', b'M', ..] => 256 << 20,
        // A partition, whose length has three bytes
        [b'R', b'I', b'F', b'F', ..] => 16 << 20,
        _ => 0,
    }
}

fn check_tile(file: &[u8], spec: TileSpec, Prepared { facts, tile, .. }: &Prepared) {
    let decoded = turbojpeg::decompress(tile, PixelFormat::RGB).expect("a tile is a JPEG");
    assert_eq!(
        (decoded.width, decoded.height),
        (spec.width.into(), spec.height.into())
    );
    // What is read at an eighth counts a quarter.
    assert!(u64::from(facts.width) * u64::from(facts.height) <= 4 * LIMITS.max_pixels);
    let shorter = facts.width.min(facts.height);
    let longer = facts.width.max(facts.height);
    assert!(shorter > 0 && longer <= shorter * LIMITS.max_aspect);
    assert!((1..=LIMITS.max_frames).contains(&facts.frames));
    assert_eq!(facts.bytes, file.len());
}

/// A file can be at fault, never this service; and what is told of it is one
/// line that fits into a log.
fn check_fault(fault: &Fault) {
    use Code::{
        BadAspect, DecodeTimeout, EmptyImage, ImageInvalid, ImageTooLarge, ImageTruncated,
        TooManyFrames, UnsupportedFormat,
    };
    let of_the_file = matches!(
        fault.code,
        BadAspect
            | DecodeTimeout
            | EmptyImage
            | ImageInvalid
            | ImageTooLarge
            | ImageTruncated
            | TooManyFrames
            | UnsupportedFormat
    );
    assert!(of_the_file, "{fault:?}");
    assert!(
        fault.detail.len() < 500 && !fault.detail.contains(char::is_control),
        "{fault:?}"
    );
}
