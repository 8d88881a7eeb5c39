//! Camera RAW: what the sensor saw takes a program of its own to develop, and nearly every camera puts a finished JPEG beside
//! it. That one is read, and never the thumbnail.

mod preview;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use common::{
    fault::{Code, Fault, Reason},
    model::TileSpec,
};
use image::metadata::Orientation;

use crate::{
    Limits, Pixels, fault,
    ifd::{self, Tiff},
    jpeg,
};

const NEW_SUBFILE_TYPE: u16 = 0x00fe;
const PHOTOMETRIC: u16 = 0x0106;
const MAKE: u16 = 0x010f;
const STRIP_OFFSETS: u16 = 0x0111;
const TILE_OFFSETS: u16 = 0x0144;
const SUB_DIRECTORIES: u16 = 0x014a;
const DNG_VERSION: u16 = 0xc612;
/// What the sensor saw, as a mosaic of colours or before any look.
const SENSOR: [u32; 2] = [32_803, 34_892];

/// More strips or tiles of a directory than are looked at.
const MOST_PIECES: usize = 1 << 16;
/// More directories than are looked at.
const MOST_DIRECTORIES: usize = 24;

/// Returns whether a file is a camera's, by its first bytes or by what its directories hold.
pub fn is_camera_raw(bytes: &[u8]) -> bool {
    match bytes {
        [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..]
        | [b'I', b'I', b'R', b'O' | b'S', ..]
        | [b'M', b'M', b'O', b'R', ..]
        | [b'I', b'I', b'U', 0, ..] => true,
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
            Tiff::read(bytes).is_some_and(holds_a_sensors_data)
        }
        _ => bytes.starts_with(b"FUJIFILMCCD-RAW"),
    }
}

fn holds_a_sensors_data(tiff: Tiff<'_>) -> bool {
    let first = tiff.entries(tiff.first());
    let mut is_reduced = false;
    let mut made_by_a_camera = false;
    let mut has_more = false;
    for entry in first {
        match entry.tag {
            DNG_VERSION => return true,
            NEW_SUBFILE_TYPE => is_reduced = entry.number() == Some(1),
            MAKE => made_by_a_camera = true,
            SUB_DIRECTORIES => has_more = true,
            _ => {}
        }
    }
    let is_of_a_sensor = |at: usize| {
        let mut entries = tiff.entries(at);
        let photometric = entries.find(|entry| entry.tag == PHOTOMETRIC);
        let photometric = photometric.and_then(|entry| entry.number());
        photometric.is_some_and(|it| SENSOR.contains(&it))
    };
    let is_a_thumbnail_of_more = is_reduced && made_by_a_camera && has_more;
    is_a_thumbnail_of_more || directories(tiff).any(is_of_a_sensor)
}

/// Places of the directories: those in the chain, and those below them.
fn directories(tiff: Tiff<'_>) -> impl Iterator<Item = usize> {
    let chain = std::iter::successors(Some(tiff.first()), move |at| tiff.next(*at));
    let with_those_below = chain.take(MOST_DIRECTORIES).flat_map(move |at| {
        let entries = tiff.entries(at);
        let below = entries.filter(|entry| entry.tag == SUB_DIRECTORIES);
        let places = below.flat_map(|entry| entry.numbers().map(|at| at as usize));
        std::iter::once(at).chain(places)
    });
    with_those_below.take(MOST_DIRECTORIES)
}

pub fn decode(file: &[u8], spec: TileSpec, limits: &Limits) -> Result<Pixels, Fault> {
    let pieces = pieces(file);
    let Some(preview) = preview::largest(file, &pieces) else {
        return Err(unreadable("holds no preview"));
    };
    if preview.is_a_thumbnail() {
        let width = preview.width;
        let height = preview.height;
        return Err(unreadable(&format!(
            "holds no preview but a thumbnail of {width} × {height} pixels"
        )));
    }
    let orientation = orientation(file).or_else(|| jpeg::orientation(preview.jpeg));
    jpeg::decode_as(
        preview.jpeg,
        orientation.unwrap_or(Orientation::NoTransforms),
        spec,
        limits,
    )
}

/// Where strips and tiles begin: each is a JPEG of its own, and none of them is the picture.
fn pieces(file: &[u8]) -> HashSet<usize> {
    let mut found = HashSet::new();
    let Some(tiff) = Tiff::read(file) else {
        return found;
    };
    let offsets = directories(tiff).filter_map(|directory| {
        let mut entries = tiff.entries(directory);
        entries.find(|entry| [STRIP_OFFSETS, TILE_OFFSETS].contains(&entry.tag))
    });
    let in_pieces = offsets.filter(|entry| entry.numbers().nth(1).is_some());
    let places = in_pieces.flat_map(|entry| entry.numbers().map(|at| at as usize));
    // However many directories name them.
    found.extend(places.take(MOST_PIECES));
    found
}

/// Returns the largest JPEG inside.
pub fn preview(file: &[u8]) -> Option<&[u8]> {
    preview::largest(file, &pieces(file)).map(|preview| preview.jpeg)
}

/// What the camera says of its picture goes before what it says of the preview: many turn neither, and note it once.
fn orientation(file: &[u8]) -> Option<Orientation> {
    const CANON: &[u8] = b"CMT1";
    if file.starts_with(b"FUJIFILM") {
        return None;
    }
    let directory = match file.get(4..8) {
        Some(b"ftyp") => {
            let head = &file[..file.len().min(64 << 10)];
            let at = head.windows(CANON.len()).position(|word| word == CANON)?;
            &file[at + CANON.len()..]
        }
        _ => file,
    };
    ifd::orientation(directory)
}

fn unreadable(why: &str) -> Fault {
    let detail = format!(
        "This camera RAW {why}. Of camera RAW the largest JPEG inside is read: export a JPEG, or have the camera keep one."
    );
    fault(Code::UnsupportedFormat, detail).because(Reason::CameraRaw)
}
