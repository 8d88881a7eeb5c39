//! PNG, row by row: a large one is averaged as it is unpacked, and never lies in memory as a whole, unless it is interlaced.

pub mod chunks;
mod exif;
#[cfg(test)]
mod tests;

pub use exif::exif;

use std::io::{Cursor, ErrorKind};

use common::{
    fault::{Code, Fault, Reason},
    image::Warning,
    model::TileSpec,
};
use image::metadata::Orientation;
use png::{
    Adam7Info, ColorType, Decoder, DecodingError, InterlaceInfo, Reader, Transformations,
    splat_interlaced_row,
};

use crate::{
    Channels, Limits, Pixels, damage, fault,
    rows::{Plan, Shrinker},
    swaps_sides, tile, turned,
};

/// What the decoder holds of a file beside its rows.
const BESIDE_BYTES: u64 = 1 << 20;

type Png<'a> = Reader<Cursor<&'a [u8]>>;

pub fn decode(png: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    check_kind(png)?;
    chunks::check_inflated(png)?;
    let mut reader = open(png, limits)?;
    let info = reader.info();
    let width = info.width;
    let height = info.height;
    let raw_bytes = (info.raw_row_length() as u64) * u64::from(height);
    let is_interlaced = info.interlaced;
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    limits.check_size(width, height)?;
    limits.check_unpacked(raw_bytes, png.len())?;
    let orientation = exif::orientation(png).unwrap_or(Orientation::NoTransforms);
    let spec = turned(spec, swaps_sides(orientation));
    let size = (width as usize, height as usize);
    let plan = Plan::new(size, spec);
    limits.check_memory(memory(&reader, &plan, is_interlaced))?;
    let (kept_width, kept_height) = plan.size();
    let mut shrinker = Shrinker::new(plan, 3);
    let warnings = if is_interlaced {
        read_whole(png, &mut reader, &mut shrinker)?
    } else {
        read_rows(png, &mut reader, &mut shrinker, height)?
    };
    Ok(Pixels {
        width: kept_width as u32,
        height: kept_height as u32,
        bytes: shrinker.finish(),
        channels: Channels::Rgb,
        profile,
        orientation,
        original: (width, height),
        warnings,
    })
}

/// Xcode's tools write files that are PNGs by their signature alone: other colours, other compression.
fn check_kind(png: &[u8]) -> Result<(), Fault> {
    if png.get(12..16) != Some(b"CgBI") {
        return Ok(());
    }
    let detail = "This is a PNG that Xcode has changed for iOS (CgBI), which only Apple's programs read. \
                  Send the original, or turn it back with `pngcrush -revert-iphone-optimizations`.";
    Err(fault(Code::UnsupportedFormat, detail).because(Reason::Feature))
}

fn open<'a>(png: &'a [u8], limits: &Limits) -> Result<Png<'a>, Fault> {
    let bytes = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(png), png::Limits { bytes });
    decoder.set_ignore_text_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.read_info().map_err(|error| broken(&error, None))
}

fn memory(reader: &Png<'_>, plan: &Plan, is_interlaced: bool) -> u64 {
    let row = reader.output_buffer_size().unwrap_or(usize::MAX) as u64;
    let row = row / u64::from(reader.info().height.max(1));
    let rows = if is_interlaced {
        u64::from(reader.info().height)
    } else {
        // The one before, the next one, and one as RGB.
        3
    };
    row * rows + plan.bytes(3) + BESIDE_BYTES
}

fn read_rows(
    png: &[u8],
    reader: &mut Png<'_>,
    to: &mut Shrinker,
    height: u32,
) -> Result<Vec<Warning>, Fault> {
    let (colour, _) = reader.output_color_type();
    let mut rgb = Vec::new();
    for done in 0..height {
        match reader.next_row() {
            Ok(Some(row)) => to.push(opaque(row.data(), colour, &mut rgb)),
            Ok(None) => return damage::of_rows(done, height, Warning::Truncated),
            Err(error) if ends_early(&error) => {
                return damage::of_rows(done, height, Warning::Truncated);
            }
            Err(error) => return judged(png, &error, done, height),
        }
    }
    ending(png, reader, height)
}

/// Little that is broken at the end changes no tag. Of a chunk whose checksum is wrong, nobody knows where it is broken.
fn judged(png: &[u8], error: &DecodingError, done: u32, all: u32) -> Result<Vec<Warning>, Fault> {
    let mut share = f64::from(done) / f64::from(all.max(1));
    if is_wrong_checksum(error) {
        share = share.min(chunks::sound_share(png));
    }
    if damage::is_too_little(share) {
        return Err(broken(error, Some((done, all))));
    }
    let warning = if ends_early(error) {
        Warning::Truncated
    } else {
        Warning::Damaged
    };
    Ok(vec![warning])
}

/// All rows are there. What is wrong behind them says something of them only if it is about their own data.
fn ending(png: &[u8], reader: &mut Png<'_>, all: u32) -> Result<Vec<Warning>, Fault> {
    match reader.finish() {
        Err(error) if !ends_early(&error) && is_of_pixels(&error) => judged(png, &error, all, all),
        _ => Ok(Vec::new()),
    }
}

fn is_of_pixels(error: &DecodingError) -> bool {
    let text = error.to_string();
    ["IDAT", "deflate", "Corrupt", "decompress"]
        .iter()
        .any(|word| text.contains(word))
}

fn is_wrong_checksum(error: &DecodingError) -> bool {
    error.to_string().contains("CRC")
}

/// Coarse pixels come first, and stand for the finer ones until these come, too.
fn read_whole(png: &[u8], reader: &mut Png<'_>, to: &mut Shrinker) -> Result<Vec<Warning>, Fault> {
    let (colour, depth) = reader.output_color_type();
    let bytes = reader.output_buffer_size().unwrap_or_default();
    let mut picture = vec![255; bytes];
    let height = reader.info().height;
    let line_bytes = bytes / height.max(1) as usize;
    let pixel_bits = colour.samples() as u8 * depth as u8;
    let warnings = read_passes(png, reader, |row, place| {
        splat_interlaced_row(&mut picture, line_bytes, row, place, pixel_bits);
    })?;
    let mut rgb = Vec::new();
    for row in picture.chunks_exact(line_bytes) {
        to.push(opaque(row, colour, &mut rgb));
    }
    Ok(warnings)
}

fn read_passes(
    png: &[u8],
    reader: &mut Png<'_>,
    mut put: impl FnMut(&[u8], &Adam7Info),
) -> Result<Vec<Warning>, Fault> {
    let mut came = 0;
    let all = reader.info().width.saturating_mul(reader.info().height);
    let pixel_bits = {
        let (colour, depth) = reader.output_color_type();
        colour.samples() * depth as usize
    };
    loop {
        match reader.next_interlaced_row() {
            Ok(Some(row)) => {
                let pixels = row.data().len() * 8 / pixel_bits;
                came += u32::try_from(pixels).unwrap_or(u32::MAX);
                if let InterlaceInfo::Adam7(place) = row.interlace() {
                    put(row.data(), place);
                }
            }
            Ok(None) => return ending(png, reader, all),
            Err(error) => return judged(png, &error, came.min(all), all),
        }
    }
}

/// The row as RGB on white.
fn opaque<'a>(row: &'a [u8], colour: ColorType, rgb: &'a mut Vec<u8>) -> &'a [u8] {
    rgb.clear();
    match colour {
        ColorType::Rgb => return row,
        ColorType::Grayscale | ColorType::Indexed => {
            rgb.extend(row.iter().flat_map(|grey| [*grey; 3]))
        }
        ColorType::GrayscaleAlpha => {
            let (pixels, _) = row.as_chunks::<2>();
            rgb.extend(
                pixels
                    .iter()
                    .flat_map(|[grey, opacity]| [tile::on_white(*grey, *opacity); 3]),
            );
        }
        ColorType::Rgba => tile::put_on_white(row, rgb),
    }
    rgb
}

fn ends_early(error: &DecodingError) -> bool {
    match error {
        DecodingError::IoError(io) => io.kind() == ErrorKind::UnexpectedEof,
        error => error.to_string().contains("enough data"),
    }
}

/// `at`: the rows that came before, and those there are.
fn broken(error: &DecodingError, at: Option<(u32, u32)>) -> Fault {
    let text = error.to_string();
    let says = |word: &str| text.contains(word);
    if matches!(error, DecodingError::LimitsExceeded) {
        return fault(
            Code::ImageTooLarge,
            "The PNG takes more memory than is given.",
        );
    }
    if ends_early(error) || says("missing") && says("IDAT") {
        return damage::truncated(
            "PNG",
            at.map(|(done, all)| f64::from(done) / f64::from(all.max(1))),
        );
    }
    let why = if says("CRC") {
        "a checksum does not match its data"
    } else if says("deflate") || says("Corrupt") || says("decompress") {
        "its compressed data is broken"
    } else if says("alette") {
        "its palette is missing or too short"
    } else if says("IHDR") {
        "its header does not come first"
    } else if says("imension") {
        "it has no pixels"
    } else {
        "its structure is wrong"
    };
    let after = at.map_or(String::new(), |(done, all)| {
        damage::after(f64::from(done) / f64::from(all.max(1)))
    });
    fault(
        Code::ImageInvalid,
        format!("The PNG is damaged: {why}{after}."),
    )
}
