//! WebP by the machine's libwebp, cropped and shrunk while it is decoded; without that library, and of animations, by the
//! `image` crate.

#[cfg(test)]
mod tests;

use common::{
    fault::{Code, Fault},
    image::{Format, Warning},
    model::TileSpec,
};
use image::metadata::Orientation;

use crate::{
    Channels, Limits, Pixels,
    codecs::{self, Failed, Wanted, Webp, WebpHeader},
    damage, fault,
    others::{self, webp},
    rows::Plan,
    swaps_sides, tile, turned,
};

/// Rows of a lossy picture that are decoded at once, with the colours beside.
const ROWS_AT_ONCE: u64 = 96;

pub fn decode(file: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    let library = codecs::loaded().webp.as_ref();
    let known = library.and_then(|library| Some((library, library.header(file)?)));
    match known {
        Some((library, header)) if !header.is_animated => {
            by_library(library, header, file, spec, limits)
        }
        _ => others::decode(file, Format::WebP, spec, limits),
    }
}

fn by_library(
    library: &Webp,
    header: WebpHeader,
    file: &[u8],
    spec: TileSpec,
    limits: &Limits,
) -> Result<Pixels, Fault> {
    let original = (header.width, header.height);
    limits.check_size(original.0, original.1)?;
    let (orientation, profile) = webp::metadata(file);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let spec = turned(spec, swaps_sides(orientation));
    let plan = Plan::new((header.width as usize, header.height as usize), spec);
    limits.check_memory(memory(&header) + plan.bytes(4))?;
    let wanted = wanted(&plan);
    let size = wanted.scaled;
    let decoded = library
        .decode(file, header.has_alpha, &wanted)
        .map_err(broken)?;
    let warnings = if decoded.rows < size.1 {
        damage::of_share(
            decoded.rows as f64 / size.1 as f64,
            Warning::Truncated,
            "WebP",
        )?
    } else {
        Vec::new()
    };
    let mut opaque = Vec::new();
    let bytes = if header.has_alpha {
        tile::put_on_white(&decoded.pixels, &mut opaque);
        opaque
    } else {
        decoded.pixels
    };
    Ok(Pixels {
        width: size.0 as u32,
        height: size.1 as u32,
        bytes,
        channels: Channels::Rgb,
        profile,
        orientation,
        original,
        warnings,
    })
}

fn wanted(plan: &Plan) -> Wanted {
    // The library crops at even places.
    let left = plan.columns.start & !1;
    let top = plan.rows.start & !1;
    Wanted {
        left,
        top,
        width: plan.columns.end - left,
        height: plan.rows.end - top,
        scaled: plan.size(),
    }
}

/// A lossless picture lies there as a whole, and so does opacity; a lossy one goes by in rows.
fn memory(header: &WebpHeader) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    let rows = u64::from(header.width) * ROWS_AT_ONCE * 4;
    let whole = if header.is_lossless { 5 * pixels } else { 0 };
    let opacity = if header.has_alpha && !header.is_lossless {
        2 * pixels
    } else {
        0
    };
    rows + whole + opacity
}

fn broken(failed: Failed) -> Fault {
    match failed {
        Failed::TooLarge => fault(
            Code::ImageTooLarge,
            "The WebP takes more memory than is given.",
        ),
        Failed::Broken => fault(
            Code::ImageInvalid,
            "The WebP is damaged: its data is not what its format prescribes.",
        ),
    }
}
