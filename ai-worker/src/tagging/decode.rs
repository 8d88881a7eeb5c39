//! Tiles back to pixels. A tile is a JPEG that the API server made; any other
//! size or form is refused before a byte is decoded.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use common::model::TileSpec;
use turbojpeg::{Decompressor, Image, PixelFormat};

#[derive(Debug, thiserror::Error)]
pub enum TileError {
    #[error("tile is {0}×{1}, the model takes {2}×{3}")]
    Size(usize, usize, u16, u16),
    #[error("tile is not a whole JPEG: {0}")]
    Jpeg(#[from] turbojpeg::Error),
}

/// One job's picture. Whoever first needs its pixels decodes it: on a GPU another thread than the engine's, so that the device
/// does not wait; on a CPU the engine thread itself, which a second thread would only take the core from.
#[derive(Clone, Debug)]
pub struct Picture {
    tile: Bytes,
    spec: TileSpec,
    pixels: Arc<OnceLock<Result<Vec<u8>, TileError>>>,
}

impl Picture {
    pub fn new(tile: Bytes, spec: TileSpec) -> Self {
        Self {
            tile,
            spec,
            pixels: Arc::default(),
        }
    }

    /// Returns `[height, width, 3] u8`, RGB; the first call decodes them.
    pub fn pixels(&self) -> Result<&[u8], &TileError> {
        self.pixels
            .get_or_init(|| decode(&self.tile, self.spec))
            .as_deref()
    }

    pub fn width(&self) -> usize {
        self.spec.width.into()
    }

    /// Takes pixels that are there already, or are taken for such by a fake engine.
    pub fn decoded(pixels: Vec<u8>) -> Self {
        let spec = TileSpec {
            width: 1,
            height: 1,
            fit: common::model::Fit::Crop,
        };
        Self {
            tile: Bytes::new(),
            spec,
            pixels: Arc::new(OnceLock::from(Ok(pixels))),
        }
    }
}

/// Returns pixels as `[height, width, 3] u8`, RGB.
pub fn decode(tile: &[u8], spec: TileSpec) -> Result<Vec<u8>, TileError> {
    let mut decompressor = Decompressor::new()?;
    let header = decompressor.read_header(tile)?;
    let width = usize::from(spec.width);
    let height = usize::from(spec.height);
    if (header.width, header.height) != (width, height) {
        return Err(TileError::Size(
            header.width,
            header.height,
            spec.width,
            spec.height,
        ));
    }
    let mut pixels = vec![0; width * height * 3];
    let pitch = width * 3;
    decompressor.decompress(
        tile,
        Image {
            pixels: &mut pixels[..],
            width,
            pitch,
            height,
            format: PixelFormat::RGB,
        },
    )?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use common::model::Fit;

    use super::*;

    const SPEC: TileSpec = TileSpec {
        width: 16,
        height: 8,
        fit: Fit::Crop,
    };

    fn tile(width: usize, height: usize) -> Vec<u8> {
        let pixels = vec![200; width * height * 3];
        let image = Image {
            pixels: &pixels[..],
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        turbojpeg::compress(image, 90, turbojpeg::Subsamp::None)
            .expect("encodes")
            .to_vec()
    }

    #[test]
    fn a_tile_comes_back_as_its_pixels() {
        let pixels = decode(&tile(16, 8), SPEC).expect("decodes");
        assert_eq!(pixels.len(), 16 * 8 * 3);
        assert!(pixels.iter().all(|value| value.abs_diff(200) <= 2));
    }

    #[test]
    fn other_sizes_and_broken_tiles_are_refused() {
        assert!(matches!(
            decode(&tile(8, 16), SPEC),
            Err(TileError::Size(8, 16, 16, 8))
        ));
        assert!(matches!(decode(b"no jpeg", SPEC), Err(TileError::Jpeg(_))));
        let whole = tile(16, 8);
        assert!(matches!(
            decode(&whole[..whole.len() - 8], SPEC),
            Err(TileError::Jpeg(_))
        ));
    }
}
