//! From a file of any kind to a small upright JPEG tile of the model's size.
//! A hostile file stops here: workers decode only what this module encoded.

mod exif;
mod jpeg;
mod limits;
mod markers;
mod others;
mod pool;
mod sniff;
#[cfg(test)]
mod tests;
mod tile;
mod webp;

use std::time::Duration;

use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    model::{TileSpec, hex},
    stage::Stage,
};
use image::metadata::Orientation;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{PrepareConfig, answer::Image};
pub use limits::Limits;
use pool::{Pool, PoolError};
use sniff::Format;

#[derive(Debug)]
pub struct Prepare {
    pool: Pool,
    limits: Limits,
    timeout: Duration,
}

#[derive(Debug)]
pub struct Prepared {
    pub image: Image,
    pub tile: Vec<u8>,
}

/// Decoded pixels, row by row without gaps, not yet turned upright.
struct Pixels {
    /// The decoded size; a JPEG's may be a fraction of the file's.
    width: u32,
    height: u32,
    bytes: Vec<u8>,
    /// RGBA if true, else RGB.
    alpha: bool,
    orientation: Orientation,
    /// The file's own size.
    original: (u32, u32),
}

impl Prepare {
    pub fn new(config: &PrepareConfig) -> std::io::Result<Self> {
        let pool = Pool::start(config.threads(), config.prepare_queue)?;
        Ok(Self { pool, limits: config.limits(), timeout: Duration::from_millis(config.prepare_timeout_ms) })
    }

    pub async fn tile(&self, bytes: Bytes, spec: TileSpec, deadline: Instant) -> Result<Prepared, Fault> {
        let limits = self.limits;
        self.run(Stage::Prepare, deadline, move || prepare(&bytes, spec, &limits)).await
    }

    /// Runs `work` on one of the pool's threads.
    pub async fn run<T: Send + 'static>(
        &self,
        stage: Stage,
        deadline: Instant,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let fault = |code, detail| Fault::new(code, stage, detail);
        self.pool.run(work, deadline, self.timeout).await.unwrap_or_else(|error| {
            Err(match error {
                PoolError::Full => fault(Code::Overloaded, "Too many images wait to be decoded."),
                PoolError::Deadline => fault(Code::DeadlineExceeded, "The time was over before the image was decoded."),
                PoolError::TooSlow => fault(Code::DecodeTimeout, "Decoding the image took too long."),
                PoolError::Panicked => fault(Code::ImageInvalid, "The image cannot be decoded."),
            })
        })
    }
}

fn prepare(bytes: &[u8], spec: TileSpec, limits: &Limits) -> Result<Prepared, Fault> {
    if bytes.is_empty() {
        return Err(fault(Code::EmptyImage, "The image has no bytes."));
    }
    let format = sniff::sniff(bytes).ok_or_else(|| fault(Code::UnsupportedFormat, sniff::READABLE))?;
    let pixels = match format {
        Format::Jpeg => jpeg::decode(bytes, spec, limits)?,
        Format::Other(format, _) => others::decode(bytes, format, limits)?,
    };
    let (width, height) = upright(pixels.original, pixels.orientation);
    let sha256 = hex(&Sha256::digest(bytes));
    let image = Image { width, height, format: format.name(), bytes: bytes.len(), sha256 };
    Ok(Prepared { image, tile: tile::make(&pixels, spec, limits.tile_quality)? })
}

/// Width and height as seen once the picture is turned upright.
fn upright((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    if swaps_sides(orientation) { (height, width) } else { (width, height) }
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn fault(code: Code, detail: impl Into<String>) -> Fault {
    Fault::new(code, Stage::Prepare, detail)
}
