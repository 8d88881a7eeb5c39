//! HEIC and AVIF. The boxes are read here, and of the tiles those that the crop leaves; what is coded goes to a library of the
//! machine, tile by tile, so that the picture never lies in memory as a whole. Turns and flips are boxes, too: what Exif says
//! is for other formats, and is passed over.

mod boxes;
mod canvas;
mod coded;
mod colour;
mod items;
mod layout;
#[cfg(test)]
mod tests;

use common::{
    fault::{Code, Fault, Reason},
    image::{Format, Warning},
    model::TileSpec,
};

use crate::{Channels, Limits, Pixels, damage, fault, swaps_sides, tile, turned};
use canvas::Canvas;
use coded::Coder;
use items::Items;
use layout::{Lacking, Layout};

/// Names of the opacity, among those of depths and gain maps.
const ALPHA: [&[u8]; 2] = [
    b"urn:mpeg:hevc:2015:auxid:1\0",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
];

pub fn decode(
    file: &[u8],
    format: Format,
    spec: TileSpec,
    limits: &Limits,
) -> Result<Pixels, Fault> {
    let name = format.name().to_uppercase();
    let items = Items::read(file).ok_or_else(|| damage::truncated(&name, None))?;
    let layout = layout::resolve(&items, items.primary).map_err(|lacking| match lacking {
        Lacking::Description if boxes::is_cut(file) => damage::truncated(&name, None),
        lacking => unreadable(&lacking, &name),
    })?;
    let coder = Coder::of(layout.codec)?;
    let [_, _, width, height] = layout.shown;
    limits.check_size(layout.size.0 as u32, layout.size.1 as u32)?;
    limits.check_shape(width as u32, height as u32)?;
    let spec = turned(spec, swaps_sides(layout.orientation));
    let canvas = Canvas::read(&items, &layout, &coder, spec, limits)?;
    let warnings = judge(&canvas, &name)?;
    let described = description(&items, layout.item);
    let cicp = described.unwrap_or(canvas.cicp);
    let mut rgb = colour::to_rgb(&canvas.planes, canvas.chroma, cicp);
    if let Some(alpha) = alpha(&items, &layout) {
        let is_premultiplied = items.referred(layout.item, b"prem").contains(&alpha.item);
        let opacity = Canvas::read(&items, &alpha, &coder, spec, limits)?;
        put_on_white(&mut rgb, &opacity.planes[0], is_premultiplied);
    }
    Ok(Pixels {
        width: canvas.size.0 as u32,
        height: canvas.size.1 as u32,
        bytes: rgb,
        channels: Channels::Rgb,
        profile: profile(&items, layout.item).or_else(|| colour::profile(cicp)),
        orientation: layout.orientation,
        original: (width as u32, height as u32),
        warnings,
    })
}

/// Returns the directory that describes the picture.
pub fn exif(file: &[u8]) -> Option<Vec<u8>> {
    let items = Items::read(file)?;
    let mut describing = items.referring(items.primary, b"cdsc");
    let item = describing.find(|item| items.kind(*item) == Some(*b"Exif"))?;
    let bytes = items.data(item)?.bytes;
    // Four bytes say how many more come before it.
    let (before, rest) = bytes.split_first_chunk::<4>()?;
    let before = u32::from_be_bytes(*before) as usize;
    Some(rest.get(before..)?.to_vec())
}

fn judge(canvas: &Canvas, name: &str) -> Result<Vec<Warning>, Fault> {
    let mut warnings = Vec::new();
    if canvas.missing > 0.0 {
        let there = 1.0 - canvas.missing;
        warnings.extend(damage::of_share(there, Warning::Truncated, name)?);
    }
    if canvas.broken > 0.0 {
        let there = 1.0 - canvas.broken;
        warnings.extend(damage::of_share(there, Warning::Damaged, name)?);
    }
    Ok(warnings)
}

/// The numbers of an `nclx` box.
fn description(items: &Items<'_>, item: u32) -> Option<crate::codecs::Cicp> {
    let body = colours(items, item).find_map(|body| body.strip_prefix(b"nclx"))?;
    let mut numbers = boxes::Numbers(body);
    Some(crate::codecs::Cicp {
        primaries: numbers.u16()?,
        transfer: numbers.u16()?,
        matrix: numbers.u16()?,
        is_full_range: numbers.u8()? & 0x80 != 0,
    })
}

/// The bytes of an ICC profile.
fn profile(items: &Items<'_>, item: u32) -> Option<Vec<u8>> {
    let find = |body: &[u8]| {
        let profile = body
            .strip_prefix(b"prof")
            .or_else(|| body.strip_prefix(b"rICC"));
        profile.map(<[u8]>::to_vec)
    };
    colours(items, item).find_map(find)
}

fn colours<'a>(items: &Items<'a>, item: u32) -> impl Iterator<Item = &'a [u8]> {
    // What a grid does not say its tiles may.
    let tile = items.referred(item, b"dimg").first().copied();
    let own: Vec<_> = items.properties(item).collect();
    let tiles: Vec<_> = tile
        .map(|tile| items.properties(tile).collect())
        .unwrap_or_default();
    own.into_iter()
        .chain(tiles)
        .filter(|(name, _)| *name == b"colr")
        .map(|(_, body)| body)
}

/// The picture of the opacity, where there is one of the same size.
fn alpha(items: &Items<'_>, layout: &Layout) -> Option<Layout> {
    let is_alpha = |item: &u32| {
        let kind = items
            .property(*item, b"auxC")
            .and_then(|body| body.get(4..));
        kind.is_some_and(|kind| ALPHA.iter().any(|name| kind.starts_with(name)))
    };
    let owners = [layout.item, items.primary];
    let mut found = owners
        .iter()
        .flat_map(|owner| items.referring(*owner, b"auxl"));
    let alpha = layout::resolve(items, found.find(is_alpha)?).ok()?;
    let fits = alpha.size == layout.size && alpha.codec == layout.codec;
    fits.then_some(Layout {
        shown: layout.shown,
        ..alpha
    })
}

fn put_on_white(rgb: &mut [u8], opacity: &[u8], is_premultiplied: bool) {
    let (pixels, _) = rgb.as_chunks_mut::<3>();
    for (pixel, opacity) in pixels.iter_mut().zip(opacity) {
        for colour in pixel {
            *colour = if is_premultiplied {
                colour.saturating_add(255 - opacity)
            } else {
                tile::on_white(*colour, *opacity)
            };
        }
    }
}

fn unreadable(lacking: &Lacking, name: &str) -> Fault {
    match lacking {
        Lacking::Description => fault(
            Code::ImageInvalid,
            format!("The {name} is damaged: it does not say where its picture is."),
        ),
        Lacking::Kind(kind) => {
            let kind: String = kind
                .iter()
                .map(|byte| char::from(*byte))
                .filter(char::is_ascii_graphic)
                .collect();
            let detail = format!(
                "The {name}'s picture is coded in a way that is not read here ({kind}): HEVC and AV1 are."
            );
            fault(Code::UnsupportedFormat, detail).because(Reason::Feature)
        }
    }
}
