use common::image::Format;
use image::ImageFormat;
use testing::pictures::{
    Coding, encoded, exif_item, heif, insert_chunk, jpeg, quarters, quarters_item, shot,
    with_exif_webp, with_segment,
};

use super::*;
use crate::sniff::sniff;

fn told(file: &[u8]) -> (Format, Exif) {
    let format = sniff(file).expect("a format that is read");
    (format, read(file, format))
}

/// Each format that can hold what a camera wrote down.
fn files(directory: &[u8]) -> Vec<Vec<u8>> {
    let named = [b"Exif\0\0".as_slice(), directory].concat();
    let picture = || quarters(64, 64);
    let of_items = |coding| heif(coding, 1, &[quarters_item(coding), exif_item(directory, 1)]);
    vec![
        with_segment(&jpeg(&picture()), 0xe1, &named),
        insert_chunk(&encoded(picture(), ImageFormat::Png), b"eXIf", directory),
        with_exif_webp(&encoded(picture(), ImageFormat::WebP), (64, 64), &named),
        of_items(Coding::Hevc),
        of_items(Coding::Av1),
        directory.to_vec(),
    ]
}

#[test]
fn every_format_tells_what_its_camera_wrote_down() {
    for file in files(&shot().directory()) {
        let (format, exif) = told(&file);
        println!("{}: {exif:?}", format.name());
        assert_eq!(exif.camera.as_deref(), Some("Canon EOS R5"));
        assert_eq!(exif.taken_at.as_deref(), Some("2024-05-01T12:33:10+09:00"));
        assert!(exif.place.is_some());
        assert!(could_be_read(&exif));
    }
}

#[test]
fn a_file_without_any_says_nothing() {
    for format in [
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ] {
        let (_, exif) = told(&encoded(quarters(64, 64), format));
        assert!(exif.is_empty(), "{exif:?}");
    }
    assert!(told(&jpeg(&quarters(64, 64))).1.is_empty());
}
