//! JPEG through libjpeg-turbo, decoded at the smallest scale that still holds
//! the tile: half the cost of a full decode for an ordinary photo.

mod eighth;
mod exif;
mod library;
pub mod markers;
#[cfg(test)]
mod tests;

use common::{
    fault::{Code, Fault, Reason},
    image::Warning,
    model::{Fit, TileSpec},
};
use image::metadata::Orientation;

use crate::{
    Channels, Limits, Pixels, damage,
    rows::{Plan, Shrinker},
    swaps_sides, tile, turned,
};
use eighth::{Eighth, Walk};
pub use exif::{exif_segments, orientation};
use library::{Damage, Header, Reader, Size};

/// Each scan of a progressive file touches every pixel again, and a small file
/// can hold thousands. Encoders write about ten.
const MAX_SCANS: i32 = 100;

/// The scales for which libjpeg-turbo has vector code, in eighths.
const SCALES: [u8; 4] = [1, 2, 4, 8];

/// What the library keeps beside rows and coefficients: a few rows of blocks, upsampled.
const ROWS_AT_ONCE: u64 = 32;

/// Encoders and cameras leave a few bytes now and then, which change nothing.
const FEW_STRAY_BYTES: u32 = 16;

pub fn decode(jpeg: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    let orientation = exif::orientation(jpeg).unwrap_or(Orientation::NoTransforms);
    decode_as(jpeg, orientation, spec, limits)
}

/// For a file of which somebody else knows which way is up.
pub fn decode_as(
    jpeg: &[u8],
    orientation: Orientation,
    spec: TileSpec,
    limits: &Limits,
) -> Result<Pixels, Fault> {
    let opened = Reader::open(jpeg, MAX_SCANS);
    let (mut reader, header) = opened.map_err(|fault| named(jpeg, fault))?;
    let spec = turned(spec, swaps_sides(orientation));
    let eighths = if markers::is_lossless(jpeg) {
        8
    } else {
        eighths_for(&header, spec)
    };
    limits.check_scaled(header.width, header.height, eighths)?;
    let skimmed = (eighths == 1).then(|| eighth::decode(jpeg)).flatten();
    let mut kept = match skimmed {
        Some(eighth) => skim(&eighth, &header, spec),
        None => read(jpeg, &mut reader, &header, eighths, spec, limits)?,
    };
    let is_cmyk = header.is_cmyk != 0;
    if is_cmyk {
        // Light instead of ink, as Adobe's programs store it. Without Adobe's marker nobody knows; browsers and Pillow take such
        // a file for one of Adobe's, and whoever made it has looked at it there.
        kept.bytes.iter_mut().for_each(|ink| *ink = !*ink);
    }
    Ok(Pixels {
        width: kept.size.0 as u32,
        height: kept.size.1 as u32,
        bytes: kept.bytes,
        channels: if is_cmyk {
            Channels::Cmyk
        } else {
            Channels::Rgb
        },
        profile: markers::profile(jpeg),
        orientation,
        original: (header.width, header.height),
        warnings: kept.warnings,
    })
}

/// Says what a file is that is called a JPEG, and is another format.
fn named(jpeg: &[u8], fault: Fault) -> Fault {
    if !markers::is_jpeg_ls(jpeg) {
        return fault;
    }
    let detail = "This is a JPEG-LS picture, another format than JPEG. Save it as PNG.";
    crate::fault(Code::UnsupportedFormat, detail).because(Reason::Feature)
}

/// What is kept of the decoded pixels.
struct Kept {
    size: (usize, usize),
    bytes: Vec<u8>,
    warnings: Vec<Warning>,
}

/// By our own code.
fn skim(eighth: &Eighth, header: &Header, spec: TileSpec) -> Kept {
    let width = header.width.div_ceil(8) as usize;
    let height = header.height.div_ceil(8) as usize;
    let plan = Plan::new((width, height), spec);
    let size = plan.size();
    let mut shrinker = Shrinker::new(plan, 3);
    for row in eighth.rgb.chunks_exact(3 * width) {
        shrinker.push(row);
    }
    let warnings = if eighth.is_whole {
        Vec::new()
    } else {
        vec![Warning::Truncated]
    };
    Kept {
        size,
        bytes: shrinker.finish(),
        warnings,
    }
}

/// By the library.
fn read(
    jpeg: &[u8],
    reader: &mut Reader<'_>,
    header: &Header,
    eighths: u8,
    spec: TileSpec,
    limits: &Limits,
) -> Result<Kept, Fault> {
    // Before it begins: it takes the memory for all scans at once.
    limits.check_memory(memory(header, eighths))?;
    let decoded = reader.start(eighths)?;
    let plan = Plan::new((decoded.width, decoded.height), spec);
    limits.check_memory(memory(header, eighths) + plan.bytes(decoded.channels))?;
    let size = plan.size();
    let bytes = read_rows(reader, &decoded, plan)?;
    Ok(Kept {
        size,
        bytes,
        warnings: judge(jpeg, &reader.damage())?,
    })
}

/// The smallest scale at which nothing has to be enlarged again.
fn eighths_for(header: &Header, spec: TileSpec) -> u8 {
    let (width, height) = tile::needed(spec);
    let covers = |eighths: &u8| {
        let scaled = |side: u32| (side as usize * usize::from(*eighths)).div_ceil(8);
        let wide = scaled(header.width) >= width;
        let high = scaled(header.height) >= height;
        match spec.fit {
            Fit::Crop | Fit::Stretch => wide && high,
            // The longer side alone reaches the tile's edge.
            Fit::Pad => wide || high,
        }
    };
    SCALES.into_iter().find(covers).unwrap_or(8)
}

/// A few rows of the decoded size; and of a file in several scans (a progressive one, or one whose first scan lacks a
/// component) all coefficients, until the last scan has come.
fn memory(header: &Header, eighths: u8) -> u64 {
    let row = u64::from(header.width) * u64::from(eighths) / 8 * 4 * 2;
    let coefficients = if header.is_in_scans != 0 {
        header.coefficient_bytes
    } else {
        0
    };
    row * ROWS_AT_ONCE + coefficients
}

fn read_rows(reader: &mut Reader<'_>, size: &Size, plan: Plan) -> Result<Vec<u8>, Fault> {
    let is_grey = size.channels == 1;
    let channels = if is_grey { 3 } else { size.channels };
    let mut shrinker = Shrinker::new(plan, channels);
    let mut row = vec![0; size.width * size.channels];
    let mut grey = Vec::new();
    for _ in 0..size.height {
        reader.read_row(&mut row)?;
        if damage::is_too_little(reader.damage().there_at_most()) {
            // No file gets much time for a header alone.
            break;
        }
        if is_grey {
            grey.clear();
            grey.extend(row.iter().flat_map(|grey| [*grey; 3]));
            shrinker.push(&grey);
        } else {
            shrinker.push(&row);
        }
    }
    Ok(shrinker.finish())
}

/// Little that is missing changes no tag. Of a file in scans, the first ones have told all but details.
fn judge(jpeg: &[u8], found: &Damage) -> Result<Vec<Warning>, Fault> {
    let walked = if found.is_anything() {
        eighth::walk(jpeg)
    } else {
        None
    };
    let mut warnings = match walked {
        Some(Walk::Broken { sound }) => damage::of_share(sound, Warning::Damaged, "JPEG")?,
        Some(Walk::Ended {
            there,
            is_closed: true,
        }) if !damage::is_too_little(there) => return Err(shifted()),
        Some(Walk::Ended { there, .. }) => damage::of_share(there, Warning::Truncated, "JPEG")?,
        Some(Walk::Sound) | None => by_rows(found)?,
    };
    if found.lacks_details() && !warnings.contains(&Warning::Truncated) {
        warnings.push(Warning::Truncated);
    }
    let is_odd = found.stray_bytes > FEW_STRAY_BYTES && walked.is_none_or(|it| it == Walk::Sound);
    if (found.has_broken_details() || is_odd) && !warnings.contains(&Warning::Damaged) {
        warnings.push(Warning::Damaged);
    }
    Ok(warnings)
}

/// No download ends so, since its end marker is there.
fn shifted() -> Fault {
    let detail = "The JPEG is damaged: it has fewer blocks than its size wants, and where they are missing nobody can tell.";
    crate::fault(Code::ImageInvalid, detail)
}

/// By what the library has seen.
fn by_rows(found: &Damage) -> Result<Vec<Warning>, Fault> {
    let mut warnings = Vec::new();
    if found.missing_rows > 0 {
        warnings.extend(damage::of_share(found.there(), Warning::Truncated, "JPEG")?);
    }
    if found.broken_rows > 0 {
        warnings.extend(damage::of_share(found.sound(), Warning::Damaged, "JPEG")?);
    }
    Ok(warnings)
}
