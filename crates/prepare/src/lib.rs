//! From a file of any kind to a small upright JPEG tile of the model's size.
//! A hostile file stops here: workers decode only what the server encoded.
//!
//! [`picture`] decodes, and should meet a stranger's file only in a process of
//! its own: [`Pool`] keeps such processes, [`child::run`] is what they do. They
//! give back pixels, which the server encodes for a broker, or leaves as they are
//! for a worker in its own process: no byte that a decoder chose reaches a worker
//! but as the colour of a pixel.

pub mod child;
mod codecs;
mod config;
mod damage;
mod exif;
mod frames;
mod heif;
mod ifd;
mod jpeg;
mod limits;
mod metrics;
mod others;
mod png;
mod pool;
mod protocol;
mod raw;
mod rows;
mod sniff;
#[cfg(test)]
mod tests;
mod tiff;
mod tile;
mod webp;

use std::{collections::VecDeque, mem};

use common::{
    budget::Held,
    fault::{Code, Fault},
    image::{Exif, Facts, Format, Part, Tile, Warning},
    model::{TileSpec, hex},
    stage::Stage,
    wire::RawTiles,
};
use image::metadata::Orientation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use codecs::{Library, libraries};
pub use config::PrepareConfig;
pub use limits::Limits;
pub use metrics::describe as describe_metrics;
pub use pool::{Niceness, Pool, PoolConfig};

/// A file that became a tile.
#[derive(Debug)]
pub struct Prepared {
    pub facts: Facts,
    /// JPEG of the model's size, upright, sRGB.
    pub tile: Vec<u8>,
    /// The same for the models beside it.
    pub also: Vec<Tile>,
    /// In place of the JPEGs, which are empty then, for a worker of this process.
    pub pixels: RawTiles,
}

/// What a decoder makes of a file, and all that is taken from it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Picture {
    /// The file's own size in pixels, upright.
    pub width: u32,
    pub height: u32,
    pub frames: u32,
    /// What was wrong with the file, and not enough to refuse it.
    pub warnings: Vec<Warning>,
    /// What its camera wrote down.
    pub exif: Exif,
    /// `[height, width, 3] u8` of each model's size, upright, sRGB, one after the other. They follow the rest as they are.
    #[serde(skip)]
    pub rgb: Vec<u8>,
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
    warnings: Vec<Warning>,
}

/// Pixels that are as wide as high. What is decoded for one tile has no others, unless the tile is stretched anyway.
const SQUARE: f64 = 1.0;

impl Pixels {
    /// How many times as wide as high a pixel of the whole picture is: a very long side is shrunk more than the other one.
    fn oblong(&self) -> f64 {
        let across = f64::from(self.original.0) / f64::from(self.width);
        let down = f64::from(self.original.1) / f64::from(self.height);
        across / down
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channels {
    Rgb,
    /// 0 is no ink.
    Cmyk,
}

/// Decodes `file` to the pixels of the tiles that `specs` ask for.
pub fn picture(file: &[u8], specs: &[TileSpec], limits: &Limits) -> Result<Picture, Fault> {
    let spec = tile::covering(specs);
    let format = sniff::sniff(file)?;
    let frames = frames::count(file, format);
    limits.check_frames(frames)?;
    let mut pixels = match format {
        Format::Jpeg => jpeg::decode(file, spec, limits)?,
        Format::Png => png::decode(file, spec, limits)?,
        Format::Raw => raw::decode(file, spec, limits)?,
        Format::Tiff => tiff::decode(file, spec, limits)?,
        Format::WebP => webp::decode(file, spec, limits)?,
        Format::Heic | Format::Avif => heif::decode(file, format, spec, limits)?,
        other => others::decode(file, other, spec, limits)?,
    };
    let (width, height) = upright(pixels.original, pixels.orientation);
    let rgb = tiles(&pixels, specs)?;
    Ok(Picture {
        width,
        height,
        frames,
        warnings: mem::take(&mut pixels.warnings),
        exif: exif::read(file, format),
        rgb,
    })
}

/// Returns all tiles, one after the other.
fn tiles(pixels: &Pixels, specs: &[TileSpec]) -> Result<Vec<u8>, Fault> {
    // Most pictures have one, which need not be copied.
    if let [only] = specs {
        return tile::make(pixels, SQUARE, *only);
    }
    let mut rgb = Vec::with_capacity(protocol::all_pixel_bytes(specs));
    let oblong = pixels.oblong();
    for spec in specs {
        rgb.extend(tile::make(pixels, oblong, *spec)?);
    }
    Ok(rgb)
}

/// Decodes `file` and makes the tile that `spec` asks for, both in this process: for measurements and tests.
pub fn tile(file: &[u8], spec: TileSpec, limits: &Limits) -> Result<Prepared, Fault> {
    let specs = [spec];
    let picture = picture(file, &specs, limits)?;
    encoded(file, picture, &specs, limits)
}

/// Returns what is known of the file, some of it without decoding it.
fn facts(file: &[u8], picture: &mut Picture) -> Result<Facts, Fault> {
    Ok(Facts {
        width: picture.width,
        height: picture.height,
        frames: picture.frames,
        format: sniff::sniff(file)?,
        bytes: file.len(),
        sha256: hex(&Sha256::digest(file)),
        warnings: mem::take(&mut picture.warnings),
        exif: mem::take(&mut picture.exif),
    })
}

/// Leaves the pixels as they are. `held`: what is taken for them of the memory that images may have.
fn as_pixels(
    file: &[u8],
    mut picture: Picture,
    specs: &[TileSpec],
    held: Held,
) -> Result<Prepared, Fault> {
    let facts = facts(file, &mut picture)?;
    let size = (picture.width, picture.height);
    let beside = specs.iter().skip(1).map(|spec| Tile {
        jpeg: Vec::new(),
        shown: tile::shown(*spec, size),
    });
    let lengths = specs.iter().map(|spec| protocol::pixel_bytes(*spec));
    Ok(Prepared {
        facts,
        tile: Vec::new(),
        also: beside.collect(),
        pixels: RawTiles::new(picture.rgb, lengths, held),
    })
}

/// Encodes the pixels as JPEGs.
fn encoded(
    file: &[u8],
    mut picture: Picture,
    specs: &[TileSpec],
    limits: &Limits,
) -> Result<Prepared, Fault> {
    let facts = facts(file, &mut picture)?;
    let size = (picture.width, picture.height);
    let mut tiles = VecDeque::with_capacity(specs.len());
    let mut rest = picture.rgb.as_slice();
    for spec in specs {
        let (rgb, others) = rest.split_at(protocol::pixel_bytes(*spec));
        tiles.push_back(Tile {
            jpeg: tile::encode(rgb, *spec, limits.tile_quality)?,
            shown: tile::shown(*spec, size),
        });
        rest = others;
    }
    let own = tiles.pop_front().expect("specs are not empty");
    Ok(Prepared {
        facts,
        tile: own.jpeg,
        also: tiles.into(),
        pixels: RawTiles::default(),
    })
}

/// A file that is said to be a tile already, of every size that is asked for.
fn as_it_came(file: &[u8], specs: &[TileSpec]) -> Result<Prepared, Fault> {
    let spec = specs[0];
    let facts = Facts {
        width: spec.width.into(),
        height: spec.height.into(),
        frames: 1,
        format: sniff::sniff(file)?,
        bytes: file.len(),
        sha256: hex(&Sha256::digest(file)),
        warnings: Vec::new(),
        exif: Exif::default(),
    };
    let tile = Tile {
        jpeg: file.to_vec(),
        shown: Part::WHOLE,
    };
    Ok(Prepared {
        facts,
        tile: file.to_vec(),
        also: vec![tile; specs.len() - 1],
        pixels: RawTiles::default(),
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

/// The tile of a picture that lies on its side.
fn turned(spec: TileSpec, is_on_its_side: bool) -> TileSpec {
    if is_on_its_side {
        TileSpec {
            width: spec.height,
            height: spec.width,
            ..spec
        }
    } else {
        spec
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
