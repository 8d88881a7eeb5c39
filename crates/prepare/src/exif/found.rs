//! Where each format keeps its Exif.

use std::{borrow::Cow, iter};

use common::image::Format;

use crate::{heif, ifd::without_name, jpeg, others, png, raw};

type Directory<'a> = Cow<'a, [u8]>;

/// Returns the directories of a file, each as a TIFF's bytes, the likeliest first.
pub fn directories(file: &[u8], format: Format) -> Box<dyn Iterator<Item = Directory<'_>> + '_> {
    match format {
        Format::Jpeg => Box::new(of_jpeg(file)),
        Format::Png => Box::new(png::exif(file)),
        Format::WebP => {
            let body = others::exif_of_webp(file).map(without_name);
            Box::new(body.into_iter().map(Cow::Borrowed))
        }
        Format::Heic | Format::Avif => Box::new(heif::exif(file).into_iter().map(Cow::Owned)),
        Format::Tiff => Box::new(iter::once(Cow::Borrowed(file))),
        Format::Raw => {
            // To find it takes a look at all of the file.
            let preview = iter::once_with(move || raw::preview(file)).flatten();
            Box::new(iter::once(Cow::Borrowed(file)).chain(preview.flat_map(of_jpeg)))
        }
        Format::Gif | Format::Bmp | Format::Jxl => Box::new(iter::empty()),
    }
}

fn of_jpeg(jpeg: &[u8]) -> impl Iterator<Item = Directory<'_>> {
    jpeg::exif_segments(jpeg)
        .map(without_name)
        .map(Cow::Borrowed)
}
