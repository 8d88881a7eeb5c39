//! TIFF, strip by strip or tile by tile: a scan of a page never lies in memory as a whole, unless it is one strip.

mod colours;
mod features;
mod page;
mod palette;
#[cfg(test)]
mod tests;
mod units;

use std::io::ErrorKind;

use common::{
    fault::{Code, Fault, Reason},
    image::Warning,
    model::TileSpec,
};
use image::metadata::Orientation;
use tiff::{TiffError, decoder, tags::Tag};

use crate::{
    Channels, Limits, Pixels, damage, fault, ifd,
    rows::{Plan, Shrinker},
    swaps_sides, turned,
};
use colours::Colours;
use features::Features;
use page::Tiff;
use units::Units;

/// Compressions, as the format numbers them.
const LZW: u16 = 5;
const JPEG: u16 = 7;

pub fn decode(file: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    let opened = page::open(file, limits);
    let mut tiff = opened.map_err(|error| unreadable(&error, &Features::default()))?;
    let features = Features::of(&mut tiff);
    let unreadable = |error| unreadable(&error, &features);
    let original = tiff.dimensions().map_err(unreadable)?;
    limits.check_size(original.0, original.1)?;
    let colours = Colours::of(&mut tiff).map_err(unreadable)?;
    if colours.in_bands {
        tiff = page::open_in_bands(&mut tiff, file, limits).map_err(unreadable)?;
    }
    let orientation = orientation(&mut tiff, file);
    let spec = turned(spec, swaps_sides(orientation));
    let plan = Plan::new((original.0 as usize, original.1 as usize), spec);
    let size = plan.size();
    let mut units = Units::new(&mut tiff, file, &colours).map_err(unreadable)?;
    limits.check_unpacked(units.unpacked_bytes(), file.len())?;
    let beside = plan.bytes(colours.channels());
    limits.check_memory(units.bytes_at_once().saturating_add(beside))?;
    let rows = plan.rows.clone();
    let mut shrinker = Shrinker::new(plan, colours.channels());
    units.read(rows, &mut shrinker).map_err(unreadable)?;
    let warnings = judge(&units)?;
    let profile = tiff.find_tag(Tag::IccProfile).ok().flatten();
    Ok(Pixels {
        width: size.0 as u32,
        height: size.1 as u32,
        bytes: shrinker.finish(),
        channels: if colours.channels() == 4 {
            Channels::Cmyk
        } else {
            Channels::Rgb
        },
        profile: profile.and_then(|value| value.into_u8_vec().ok()),
        orientation,
        original,
        warnings,
    })
}

fn orientation(tiff: &mut Tiff<'_>, file: &[u8]) -> Orientation {
    let told: Option<u8> = tiff.find_tag_unsigned(Tag::Orientation).unwrap_or_default();
    told.and_then(Orientation::from_exif)
        .or_else(|| ifd::orientation(file))
        .unwrap_or(Orientation::NoTransforms)
}

fn judge(units: &Units<'_, '_>) -> Result<Vec<Warning>, Fault> {
    let mut warnings = Vec::new();
    if units.missing > 0.0 {
        let there = 1.0 - units.missing;
        warnings.extend(damage::of_share(there, Warning::Truncated, "TIFF")?);
    }
    if units.broken > 0.0 {
        let sound = 1.0 - units.broken;
        warnings.extend(damage::of_share(sound, Warning::Damaged, "TIFF")?);
    }
    Ok(warnings)
}

fn limited(limits: &Limits) -> decoder::Limits {
    let bytes = usize::try_from(limits.max_decoded_bytes).unwrap_or(usize::MAX);
    let mut limited = decoder::Limits::default();
    limited.decoding_buffer_size = bytes;
    limited.intermediate_buffer_size = bytes;
    limited.ifd_value_size = bytes / 8;
    limited
}

/// In words of ours: the decoder's own may quote the file, and name its types.
fn unreadable(error: &TiffError, features: &Features) -> Fault {
    match error {
        TiffError::LimitsExceeded => fault(
            Code::ImageTooLarge,
            "The TIFF takes more memory than is given.",
        ),
        TiffError::UnsupportedError(error) => {
            let what = features.unread(error);
            let detail = format!(
                "The TIFF has a feature that is not read here: {what}. Save it as PNG or JPEG."
            );
            fault(Code::UnsupportedFormat, detail).because(Reason::Feature)
        }
        TiffError::IoError(io) if io.kind() == ErrorKind::UnexpectedEof => {
            damage::truncated("TIFF", None)
        }
        _ => fault(
            Code::ImageInvalid,
            "The TIFF is damaged: its data is not what its format prescribes.",
        ),
    }
}
