//! From the tile's pixels to its JPEG. The server does this, and not a decoder: an encoder reads any pixels alike, so what a
//! worker decodes was written by nobody whom a stranger's file may have taken over.

use common::{fault::Fault, model::TileSpec};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::internal;

/// A tile from this width on is there to be read. Letters stay as legible in half the colours and with this quality, and a page
/// with grain is 143 KB instead of 590.
const LARGE_PX: u16 = 640;
const LARGE_QUALITY: u8 = 85;

/// Full colour resolution, unless a tile is large: at this size halved colour shows in the scores,
/// and 20 KB a tile is what the broker was measured with.
pub fn encode(rgb: &[u8], spec: TileSpec, quality: u8) -> Result<Vec<u8>, Fault> {
    let width = usize::from(spec.width);
    let (quality, colours) = match spec.width >= LARGE_PX {
        true => (quality.min(LARGE_QUALITY), Subsamp::Sub2x2),
        false => (quality, Subsamp::None),
    };
    let image = Image {
        pixels: rgb,
        width,
        pitch: width * 3,
        height: spec.height.into(),
        format: PixelFormat::RGB,
    };
    let mut encoder = Compressor::new().map_err(internal)?;
    encoder.set_quality(quality.into()).map_err(internal)?;
    encoder.set_subsamp(colours).map_err(internal)?;
    encoder.compress_to_vec(image).map_err(internal)
}
