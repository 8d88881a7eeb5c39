//! From a file of any kind to a small upright JPEG tile of the model's size.
//! A hostile file stops here: workers decode only what this crate encoded.
//!
//! [`tile`] does the work, and should meet a stranger's file only in a process
//! of its own: [`Pool`] keeps such processes, [`child::run`] is what they do.

pub mod child;
mod config;
mod frames;
mod jpeg;
mod limits;
mod metrics;
mod others;
mod pool;
mod protocol;
mod sniff;
#[cfg(test)]
mod tests;
mod tile;

use common::{
    fault::{Code, Fault},
    image::{Facts, Format},
    model::{TileSpec, hex},
    stage::Stage,
};
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use config::PrepareConfig;
pub use limits::Limits;
pub use metrics::describe as describe_metrics;
pub use pool::{Pool, PoolConfig};

/// A file that became a tile.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prepared {
    pub facts: Facts,
    /// JPEG of the model's size, upright, sRGB.
    #[serde(with = "serde_bytes")]
    pub tile: Vec<u8>,
}

/// Decoded pixels, row by row without gaps, not yet turned upright.
struct Pixels {
    /// The decoded size; a JPEG's may be a fraction of the file's.
    width: u32,
    height: u32,
    bytes: Vec<u8>,
    channels: Channels,
    /// The file's colour profile (ICC), where it has one.
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    /// The file's own size.
    original: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channels {
    Rgb,
    Rgba,
    /// 0 is no ink.
    Cmyk,
}

/// Decodes `file` and makes the tile that `spec` asks for.
pub fn tile(file: &[u8], spec: TileSpec, limits: &Limits) -> Result<Prepared, Fault> {
    if file.is_empty() {
        return Err(fault(Code::EmptyImage, "The image has no bytes."));
    }
    let format =
        sniff::sniff(file).ok_or_else(|| fault(Code::UnsupportedFormat, sniff::READABLE))?;
    let frames = frames::count(file, format);
    limits.check_frames(frames)?;
    let pixels = match format {
        Format::Jpeg => jpeg::decode(file, spec, limits)?,
        other => others::decode(file, other, limits)?,
    };
    let (width, height) = upright(pixels.original, pixels.orientation);
    let sha256 = hex(&Sha256::digest(file));
    let facts = Facts {
        width,
        height,
        frames,
        format,
        bytes: file.len(),
        sha256,
    };
    Ok(Prepared {
        facts,
        tile: tile::make(pixels, spec, limits.tile_quality)?,
    })
}

/// A file that is said to be a tile already.
fn as_it_came(file: &[u8], spec: TileSpec) -> Result<Prepared, Fault> {
    let format =
        sniff::sniff(file).ok_or_else(|| fault(Code::UnsupportedFormat, sniff::READABLE))?;
    let (width, height, sha256) = (
        spec.width.into(),
        spec.height.into(),
        hex(&Sha256::digest(file)),
    );
    let facts = Facts {
        width,
        height,
        frames: 1,
        format,
        bytes: file.len(),
        sha256,
    };
    Ok(Prepared {
        facts,
        tile: file.to_vec(),
    })
}

/// Width and height as seen once the picture is turned upright.
fn upright((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    if swaps_sides(orientation) {
        (height, width)
    } else {
        (width, height)
    }
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(
        orientation,
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH
    )
}

fn fault(code: Code, detail: impl Into<String>) -> Fault {
    Fault::new(code, Stage::Prepare, detail)
}
