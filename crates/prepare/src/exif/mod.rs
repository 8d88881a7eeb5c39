//! What a camera wrote down beside its picture: when and where, and which camera it was. Nothing of it is needed to tag a
//! picture, so whatever is damaged or nonsense is left out.

mod fields;
mod found;
#[cfg(test)]
mod tests;

use common::image::{Exif, Format};

/// Returns whether [`read`] could say so, whoever says it.
pub fn could_be_read(exif: &Exif) -> bool {
    exif.taken_at.as_deref().is_none_or(fields::is_moment)
        && exif.camera.as_deref().is_none_or(fields::is_camera)
        && exif.place.is_none_or(fields::is_on_earth)
}

/// Returns what a file says of itself.
pub fn read(file: &[u8], format: Format) -> Exif {
    found::directories(file, format)
        .map(|tiff| fields::read(&tiff))
        .find(|exif| !exif.is_empty())
        .unwrap_or_default()
}
