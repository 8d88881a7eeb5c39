//! From an item's bytes to a picture, by the library that knows its codec.

use common::fault::{Code, Fault, Reason};

use super::{
    boxes::Numbers,
    items::{Data, Items},
    layout::Codec,
};
use crate::{
    codecs::{self, Dav1d, De265, Filters, Picture},
    damage, fault,
};

/// What coders add to a picture's sides, so that they are of whole blocks.
const PADDING_PX: usize = 256;

pub enum Coder {
    Hevc(&'static De265),
    Av1(&'static Dav1d),
}

impl Coder {
    /// An error where the machine lacks the library.
    pub fn of(codec: Codec) -> Result<Self, Fault> {
        let codecs = codecs::loaded();
        match codec {
            Codec::Hevc => codecs.hevc.as_ref().map(Self::Hevc).ok_or_else(|| {
                lacking(
                    "HEIC picture",
                    "libde265 (Debian's libde265-0)",
                    Reason::Heic,
                )
            }),
            Codec::Av1 => codecs.av1.as_ref().map(Self::Av1).ok_or_else(|| {
                lacking(
                    "AVIF picture",
                    "dav1d (Debian's libdav1d6 or libdav1d7)",
                    Reason::Avif,
                )
            }),
        }
    }

    /// Bytes of two decoded pixels: of brightness and, of coarser ones, of colours.
    pub fn pair_bytes(&self, items: &Items<'_>, item: u32) -> usize {
        let (is_deep, chroma) = match self {
            Self::Hevc(_) => {
                let described = items.property(item, b"hvcC").unwrap_or_default();
                let depth = described.get(17).map_or(2, |it| it & 7);
                (depth > 0, described.get(16).map_or(3, |it| it & 3))
            }
            Self::Av1(_) => {
                let described = items.property(item, b"av1C").unwrap_or_default();
                let flags = described.get(2).copied().unwrap_or(0x40);
                // One plane, or colours that are coarser across, and down.
                let chroma = match flags & 0x1c {
                    flags if flags & 0x10 > 0 => 0,
                    0x0c => 1,
                    0x08 => 2,
                    _ => 3,
                };
                (flags & 0x40 > 0, chroma)
            }
        };
        let samples = [2, 3, 4, 6][usize::from(chroma)];
        if is_deep { 2 * samples } else { samples }
    }

    /// Nothing where the decoder finds no picture.
    pub fn decode(
        &self,
        items: &Items<'_>,
        item: u32,
        data: &Data,
        size: (usize, usize),
    ) -> Option<Picture> {
        match self {
            Self::Hevc(library) => {
                let described = items.property(item, b"hvcC").unwrap_or_default();
                let width = described.get(21).map_or(4, |it| usize::from(it & 3) + 1);
                let mut units = parameter_sets(described);
                units.extend(coded_units(&data.bytes, width));
                library.decode(units.into_iter(), Filters::for_size(size))
            }
            Self::Av1(library) => {
                let described = items.property(item, b"av1C").and_then(|body| body.get(4..));
                let mut stream = [described.unwrap_or_default(), &data.bytes].concat();
                if data.there < 1.0 && !damage::is_too_little(data.there) {
                    // The library reads whole units alone: of one that is cut off, all but its end then comes.
                    let missing = data.bytes.len() as f64 * (1.0 / data.there - 1.0);
                    stream.resize(stream.len() + missing.round() as usize, 0);
                }
                let most = (size.0 + PADDING_PX) * (size.1 + PADDING_PX);
                let most = u32::try_from(most).ok()?;
                library.decode(&stream, most, Filters::for_size(size))
            }
        }
    }
}

/// The units (NAL) that the description of an HEVC picture holds.
fn parameter_sets(described: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let _ = read_parameter_sets(described, &mut found);
    found
}

fn read_parameter_sets<'a>(described: &'a [u8], found: &mut Vec<&'a [u8]>) -> Option<()> {
    let mut numbers = Numbers(described.get(22..)?);
    for _ in 0..numbers.u8()? {
        numbers.u8()?;
        for _ in 0..numbers.u16()? {
            let length = usize::from(numbers.u16()?);
            let (unit, rest) = numbers.0.split_at_checked(length)?;
            found.push(unit);
            numbers.0 = rest;
        }
    }
    Some(())
}

/// Units with their lengths before them; the last one may be cut off.
fn coded_units(bytes: &[u8], width: usize) -> impl Iterator<Item = &[u8]> {
    let mut numbers = Numbers(bytes);
    std::iter::from_fn(move || {
        let length = numbers.take(width)? as usize;
        let (unit, rest) = numbers.0.split_at(length.min(numbers.0.len()));
        numbers.0 = rest;
        Some(unit).filter(|unit| !unit.is_empty())
    })
}

fn lacking(what: &str, library: &str, reason: Reason) -> Fault {
    let detail = format!(
        "These bytes are a {what}, which is read where {library} is installed, and this server lacks it. Send a JPEG, PNG or WebP."
    );
    fault(Code::UnsupportedFormat, detail).because(reason)
}
