//! JPEG through libjpeg-turbo, decoded at the smallest scale that still holds
//! the tile: half the cost of a full decode for an ordinary photo.

mod eighth;
mod exif;
pub mod markers;

use common::{
    fault::{Code, Fault},
    model::{Fit, TileSpec},
};
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor};

use crate::{Channels, Limits, Pixels, fault, swaps_sides, tile};

/// Each scan of a progressive file touches every pixel again, and a small file
/// can hold thousands. Encoders write about ten.
const MAX_SCANS: u32 = 100;

/// The scales for which libjpeg-turbo has vector code.
const SCALES: [ScalingFactor; 4] = [
    ScalingFactor::ONE_EIGHTH,
    ScalingFactor::ONE_QUARTER,
    ScalingFactor::ONE_HALF,
    ScalingFactor::ONE,
];

pub fn decode(jpeg: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    let mut decoder = Decompressor::new().map_err(invalid)?;
    decoder.set_scan_limit(MAX_SCANS).map_err(invalid)?;
    let header = decoder
        .read_header(jpeg)
        .map_err(|error| headless(error, jpeg))?;
    let original = (header.width as u32, header.height as u32);
    limits.check_size(original.0, original.1)?;
    let orientation = exif::orientation(jpeg);
    let spec = if swaps_sides(orientation) {
        TileSpec {
            width: spec.height,
            height: spec.width,
            ..spec
        }
    } else {
        spec
    };
    let scale = scale_for(&header, spec);
    decoder.set_scaling_factor(scale).map_err(invalid)?;
    let scaled = header.scaled(scale);
    let cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if cmyk {
        PixelFormat::CMYK
    } else {
        PixelFormat::RGB
    };
    limits.check_memory(memory(jpeg, &header, &scaled, format))?;
    let skimmed = if scale == ScalingFactor::ONE_EIGHTH {
        eighth::decode(jpeg)
    } else {
        None
    };
    let mut bytes = match skimmed {
        Some(bytes) => bytes,
        None => pixels(&mut decoder, jpeg, &scaled, format)?,
    };
    if cmyk && markers::is_adobe(jpeg) {
        // Adobe's programs, which write nearly all CMYK JPEGs, store light instead of ink.
        bytes.iter_mut().for_each(|ink| *ink = !*ink);
    }
    Ok(Pixels {
        width: scaled.width as u32,
        height: scaled.height as u32,
        bytes,
        channels: if cmyk { Channels::Cmyk } else { Channels::Rgb },
        profile: markers::profile(jpeg),
        orientation,
        original,
    })
}

/// The smallest scale at which nothing has to be enlarged again.
fn scale_for(header: &DecompressHeader, spec: TileSpec) -> ScalingFactor {
    if header.is_lossless {
        return ScalingFactor::ONE;
    }
    let (width, height) = tile::needed(spec);
    let covers = |scale: &ScalingFactor| {
        let wide = scale.scale(header.width) >= width;
        let high = scale.scale(header.height) >= height;
        match spec.fit {
            Fit::Crop | Fit::Stretch => wide && high,
            // The longer side alone reaches the tile's edge.
            Fit::Pad => wide || high,
        }
    };
    SCALES
        .into_iter()
        .find(covers)
        .unwrap_or(ScalingFactor::ONE)
}

/// The scaled pixels; and of a file in several scans (a progressive one, or
/// one whose first scan lacks a component) all coefficients, two bytes each
/// and at most one for each channel and pixel, until the last scan has come.
fn memory(
    jpeg: &[u8],
    header: &DecompressHeader,
    scaled: &DecompressHeader,
    format: PixelFormat,
) -> u64 {
    let pixels = |header: &DecompressHeader| header.width as u64 * header.height as u64;
    let output = pixels(scaled) * format.size() as u64;
    let channels = if header.colorspace == Colorspace::Gray {
        1
    } else {
        format.size() as u64
    };
    let share = (header.subsamp.width() * header.subsamp.height()) as u64;
    let coefficients = 2 * pixels(header) * (1 + (channels - 1).div_ceil(share));
    if header.is_progressive || !markers::is_single_scan(jpeg) {
        output + coefficients
    } else {
        output
    }
}

fn pixels(
    decoder: &mut Decompressor,
    jpeg: &[u8],
    size: &DecompressHeader,
    format: PixelFormat,
) -> Result<Vec<u8>, Fault> {
    let pitch = size.width * format.size();
    let mut image = Image {
        pixels: vec![0; pitch * size.height],
        width: size.width,
        pitch,
        height: size.height,
        format,
    };
    match verdict(decoder.decompress(jpeg, image.as_deref_mut())) {
        Verdict::Good => Ok(image.pixels),
        Verdict::Ended => {
            // Perhaps all is there but the end marker, as some cameras and
            // editors leave it. With one added, only a real gap still warns.
            let ended = [jpeg, &[0xff, 0xd9]].concat();
            match verdict(decoder.decompress(&ended, image.as_deref_mut())) {
                Verdict::Good => Ok(image.pixels),
                _ => Err(truncated()),
            }
        }
        Verdict::Gap => Err(truncated()),
        Verdict::TooManyScans => Err(fault(Code::DecodeTimeout, "The JPEG has too many scans.")),
        Verdict::Bad(error) => Err(invalid(error)),
    }
}

enum Verdict {
    Good,
    /// The file ended before its end marker.
    Ended,
    /// The end marker came before the last pixel.
    Gap,
    TooManyScans,
    Bad(turbojpeg::Error),
}

/// The library gives warnings and errors alike as text, the first one that
/// came up. Those that browsers let pass, pass here.
fn verdict(result: Result<(), turbojpeg::Error>) -> Verdict {
    let Err(error) = result else {
        return Verdict::Good;
    };
    let text = error.to_string();
    let says = |part: &str| text.contains(part);
    if says("Premature end of JPEG file") {
        Verdict::Ended
    } else if says("premature end of data segment") {
        Verdict::Gap
    } else if says("has more than") && says("scans") {
        Verdict::TooManyScans
    } else if says("extraneous bytes")
        || says("Unknown Adobe color transform")
        || says("Invalid SOS parameters")
    {
        Verdict::Good
    } else {
        Verdict::Bad(error)
    }
}

fn truncated() -> Fault {
    fault(Code::ImageTruncated, "The JPEG ends before its last pixel.")
}

/// No header where one should be: a file that is cut off has no end marker
/// either. (A size of -1, which "overflows", is the library's way to say that
/// it found tables but no image.)
fn headless(error: turbojpeg::Error, jpeg: &[u8]) -> Fault {
    let text = error.to_string();
    let lacking = ["Premature end", "missing", "overflowed"]
        .iter()
        .any(|part| text.contains(part));
    match (lacking, jpeg.ends_with(&[0xff, 0xd9])) {
        (true, false) => truncated(),
        (true, true) => fault(Code::ImageInvalid, "The JPEG holds no image."),
        (false, _) => invalid(error),
    }
}

fn invalid(error: turbojpeg::Error) -> Fault {
    let text = error.to_string();
    fault(
        Code::ImageInvalid,
        format!(
            "The JPEG cannot be decoded: {}.",
            text.trim_start_matches("TurboJPEG error: ")
        ),
    )
}
