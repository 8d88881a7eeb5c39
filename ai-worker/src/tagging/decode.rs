//! Tiles back to pixels. A tile is a JPEG that the API server made, or pixels where it is in this process; any other
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
    #[error("tile has {0} bytes of pixels, the model takes {1}×{2}")]
    Pixels(usize, u16, u16),
}

/// A model's picture, as it came.
#[derive(Clone, Debug)]
pub enum Tile {
    Jpeg(Bytes),
    /// `[height, width, 3] u8`, RGB.
    Pixels(Bytes),
}

/// One job's picture. Whoever first needs its pixels decodes it: on a GPU another thread than the engine's, so that the device
/// does not wait; on a CPU the engine thread itself, which a second thread would only take the core from.
#[derive(Clone, Debug)]
pub struct Picture {
    tile: Tile,
    spec: TileSpec,
    pixels: Arc<OnceLock<Result<Bytes, TileError>>>,
}

impl Picture {
    pub fn new(tile: Tile, spec: TileSpec) -> Self {
        Self {
            tile,
            spec,
            pixels: Arc::default(),
        }
    }

    /// Returns `[height, width, 3] u8`, RGB; the first call decodes them.
    pub fn pixels(&self) -> Result<&[u8], &TileError> {
        self.pixels
            .get_or_init(|| self.tile.pixels(self.spec))
            .as_deref()
    }

    /// Returns whether its pixels are still to be made, which takes a millisecond.
    pub fn is_encoded(&self) -> bool {
        matches!(self.tile, Tile::Jpeg(_)) && self.pixels.get().is_none()
    }

    pub fn width(&self) -> usize {
        self.spec.width.into()
    }

    /// Takes pixels that are there already, or are taken for such by a fake engine.
    pub fn decoded(pixels: impl Into<Bytes>) -> Self {
        let spec = TileSpec {
            width: 1,
            height: 1,
            fit: common::model::Fit::Crop,
        };
        Self {
            tile: Tile::Pixels(Bytes::new()),
            spec,
            pixels: Arc::new(OnceLock::from(Ok(pixels.into()))),
        }
    }
}

impl Tile {
    /// Returns its bytes, whatever they are, for a fake engine that was asked to take them for pixels.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Jpeg(bytes) | Self::Pixels(bytes) => bytes,
        }
    }

    fn pixels(&self, spec: TileSpec) -> Result<Bytes, TileError> {
        match self {
            Self::Jpeg(jpeg) => decode(jpeg, spec).map(Bytes::from),
            Self::Pixels(pixels) if pixels.len() == pixel_bytes(spec) => Ok(pixels.clone()),
            Self::Pixels(pixels) => Err(TileError::Pixels(pixels.len(), spec.width, spec.height)),
        }
    }
}

fn pixel_bytes(spec: TileSpec) -> usize {
    usize::from(spec.width) * usize::from(spec.height) * 3
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
    let mut pixels = vec![0; pixel_bytes(spec)];
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
    fn pixels_stay_as_they_are_and_are_counted() {
        let bytes = Bytes::from(vec![7; 16 * 8 * 3]);
        let whole = Picture::new(Tile::Pixels(bytes.clone()), SPEC);
        assert!(!whole.is_encoded());
        let pixels = whole.pixels().expect("as many as the model takes");
        assert_eq!(pixels.as_ptr(), bytes.as_ptr(), "they are not copied");
        let short = Picture::new(Tile::Pixels(bytes.slice(1..)), SPEC);
        assert!(matches!(short.pixels(), Err(TileError::Pixels(383, 16, 8))));
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
