//! Crop or stretch or pad to the tile's size, turn upright, put white behind
//! what is transparent.

mod colour;
mod encode;

pub use encode::encode;

use common::{
    fault::{Code, Fault},
    image::Part,
    model::{Fit, TileSpec},
};
use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::{DynamicImage, RgbImage};

use crate::{Channels, Pixels, fault, swaps_sides};

/// What surrounds a padded picture.
const PAD_GREY: u8 = 128;

/// Returns `[height, width, 3] u8`. Turning comes last: it then moves a tile's pixels, not a photo's.
/// `oblong`: how many times as wide as high a pixel is.
pub fn make(pixels: &Pixels, oblong: f64, spec: TileSpec) -> Result<Vec<u8>, Fault> {
    let width = u32::from(spec.width);
    let height = u32::from(spec.height);
    let (lying_width, lying_height) = if swaps_sides(pixels.orientation) {
        (height, width)
    } else {
        (width, height)
    };
    let size = (f64::from(pixels.width) * oblong, f64::from(pixels.height));
    let is_cut = pixels.original == (lying_width, lying_height);
    let placed = place(size, is_cut, spec.fit, (lying_width, lying_height)).squeezed(oblong);
    let opaque = resize(pixels, &placed)?;
    let opaque = colour::to_srgb(opaque, pixels.channels, pixels.profile.as_deref());
    let lying = RgbImage::from_raw(placed.width, placed.height, opaque)
        .ok_or_else(|| internal("tile size"))?;
    let mut upright = DynamicImage::ImageRgb8(lying);
    upright.apply_orientation(pixels.orientation);
    Ok(padded(upright.into_rgb8(), width, height).into_raw())
}

/// Returns what of a picture of that size, upright, `spec`'s tile shows.
pub fn shown(spec: TileSpec, size: (u32, u32)) -> Part {
    let tile = (u32::from(spec.width), u32::from(spec.height));
    let is_cut = size == tile;
    let size = (f64::from(size.0), f64::from(size.1));
    let placed = place(size, is_cut, spec.fit, tile);
    let side = |start: f64, length: f64, source: f64, part: u32, all: u32| {
        let a_pixel = length / source / f64::from(part);
        let bar = f64::from((all - part) / 2);
        let first = start / source - bar * a_pixel;
        (first as f32, (a_pixel * f64::from(all)) as f32)
    };
    let (left, width) = side(placed.left, placed.crop_width, size.0, placed.width, tile.0);
    let (top, height) = side(
        placed.top,
        placed.crop_height,
        size.1,
        placed.height,
        tile.1,
    );
    Part {
        left,
        top,
        width,
        height,
    }
}

/// Returns what a file has to be decoded for, so that the tiles of all `specs` can be made of it: decoders leave out what
/// a single tile does not show.
pub fn covering(specs: &[TileSpec]) -> TileSpec {
    if let [only] = specs {
        return *only;
    }
    let widest = |side: fn((usize, usize)) -> usize| {
        let most = specs.iter().map(|spec| side(needed(*spec))).max();
        most.unwrap_or_default().min(u16::MAX.into()) as u16
    };
    TileSpec {
        width: widest(|needed| needed.0),
        height: widest(|needed| needed.1),
        fit: Fit::Stretch,
    }
}

/// The least size of a picture that `spec`'s tile is not enlarged from.
pub fn needed(spec: TileSpec) -> (usize, usize) {
    let side = |side: u16| match spec.fit {
        Fit::Crop => (f64::from(side) / CENTRE).ceil() as usize,
        Fit::Stretch | Fit::Pad => side.into(),
    };
    (side(spec.width), side(spec.height))
}

/// Which part of the picture (`left, top, crop_width, crop_height`) becomes
/// how large a part of the tile.
struct Placed {
    left: f64,
    top: f64,
    crop_width: f64,
    crop_height: f64,
    width: u32,
    height: u32,
}

/// How much `crop` keeps of the largest centred rectangle of the tile's shape:
/// ImageNet models are scored so, and see things at the size that they were
/// trained on. (On the samples: daisy 0.36 instead of 0.11, missile right.)
const CENTRE: f64 = 224.0 / 256.0;

impl Placed {
    /// The same in pixels that are `oblong` times as wide as high.
    fn squeezed(self, oblong: f64) -> Self {
        Self {
            left: self.left / oblong,
            crop_width: self.crop_width / oblong,
            ..self
        }
    }
}

/// `is_cut`: whoever sent the picture has cut it to the tile's size already.
fn place(
    (source_width, source_height): (f64, f64),
    is_cut: bool,
    fit: Fit,
    (width, height): (u32, u32),
) -> Placed {
    let whole = Placed {
        left: 0.0,
        top: 0.0,
        crop_width: source_width,
        crop_height: source_height,
        width,
        height,
    };
    let across = source_width / f64::from(width);
    let down = source_height / f64::from(height);
    match fit {
        Fit::Stretch => whole,
        Fit::Crop if is_cut => whole,
        Fit::Crop => {
            let scale = across.min(down) * CENTRE;
            let crop_width = f64::from(width) * scale;
            let crop_height = f64::from(height) * scale;
            let left = (source_width - crop_width) / 2.0;
            let top = (source_height - crop_height) / 2.0;
            Placed {
                left: left.max(0.0),
                top: top.max(0.0),
                crop_width,
                crop_height,
                ..whole
            }
        }
        Fit::Pad => {
            let side = |source: f64, most: u32| {
                ((source / across.max(down)).round() as u32).clamp(1, most)
            };
            Placed {
                width: side(source_width, width),
                height: side(source_height, height),
                ..whole
            }
        }
    }
}

fn resize(pixels: &Pixels, placed: &Placed) -> Result<Vec<u8>, Fault> {
    match pixels.channels {
        Channels::Rgb => resize_rgb(&pixels.bytes, (pixels.width, pixels.height), placed),
        Channels::Cmyk => resize_cmyk(pixels, placed),
    }
}

/// Resizes `[height, width, 3] u8`. Every picture comes here, since each pixel type has some 400 kernels compiled for it.
fn resize_rgb(rgb: &[u8], (width, height): (u32, u32), placed: &Placed) -> Result<Vec<u8>, Fault> {
    let source = TypedImageRef::<U8x3>::from_buffer(width, height, rgb).map_err(internal)?;
    let mut bytes = vec![0; placed.width as usize * placed.height as usize * 3];
    let mut tile = TypedImage::<U8x3>::from_buffer(placed.width, placed.height, &mut bytes)
        .map_err(internal)?;
    // Bicubic, as most taggers were trained; the kernel widens when shrinking.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .crop(
            placed.left,
            placed.top,
            placed.crop_width,
            placed.crop_height,
        )
        .use_alpha(false);
    Resizer::new()
        .resize_typed(&source, &mut tile, &options)
        .map_err(internal)?;
    Ok(bytes)
}

/// Resizes black and the colours one after the other. Such files are rare, and decoding has made them small.
fn resize_cmyk(pixels: &Pixels, placed: &Placed) -> Result<Vec<u8>, Fault> {
    let size = (pixels.width, pixels.height);
    let (inks, _) = pixels.bytes.as_chunks::<4>();
    let black: Vec<u8> = inks
        .iter()
        .flat_map(|&[_, _, _, black]| [black; 3])
        .collect();
    let black = resize_rgb(&black, size, placed)?;
    let colours: Vec<u8> = inks
        .iter()
        .flat_map(|&[cyan, magenta, yellow, _]| [cyan, magenta, yellow])
        .collect();
    let colours = resize_rgb(&colours, size, placed)?;
    let both = colours
        .as_chunks::<3>()
        .0
        .iter()
        .zip(black.as_chunks::<3>().0);
    Ok(both
        .flat_map(|(&[cyan, magenta, yellow], &[black, _, _])| [cyan, magenta, yellow, black])
        .collect())
}

/// Puts white behind a row of RGBA. Before anything is averaged: what cannot be seen has a colour, too.
pub fn put_on_white(rgba: &[u8], rgb: &mut Vec<u8>) {
    let (pixels, _) = rgba.as_chunks::<4>();
    rgb.resize(3 * pixels.len(), 0);
    let (opaque, _) = rgb.as_chunks_mut::<3>();
    for (&[r, g, b, opacity], opaque) in pixels.iter().zip(opaque) {
        // Nearly all are.
        *opaque = if opacity == 255 {
            [r, g, b]
        } else {
            [r, g, b].map(|colour| on_white(colour, opacity))
        };
    }
}

pub fn on_white(colour: u8, opacity: u8) -> u8 {
    let opacity = u16::from(opacity);
    let mixed = u16::from(colour) * opacity + 255 * (255 - opacity);
    // Rounded, and never above 255.
    ((mixed + 127) / 255) as u8
}

fn padded(picture: RgbImage, width: u32, height: u32) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture;
    }
    let mut tile = RgbImage::from_pixel(width, height, image::Rgb([PAD_GREY; 3]));
    let left = (width - picture.width()) / 2;
    let top = (height - picture.height()) / 2;
    image::imageops::replace(&mut tile, &picture, left.into(), top.into());
    tile
}

/// None of these depend on the file: sizes were checked before.
fn internal(error: impl std::fmt::Display) -> Fault {
    fault(
        Code::Internal,
        format!("The tile could not be made: {error}."),
    )
}
