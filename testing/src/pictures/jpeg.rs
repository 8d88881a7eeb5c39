use image::RgbImage;
use turbojpeg::{Compressor, Image, PixelFormat};

/// `set`: what is not as usual.
pub fn compress(
    pixels: &[u8],
    width: u32,
    format: PixelFormat,
    set: impl FnOnce(&mut Compressor),
) -> Vec<u8> {
    let width = width as usize;
    let pitch = width * format.size();
    let mut encoder = Compressor::new().expect("an encoder");
    encoder.set_quality(95).expect("a quality");
    set(&mut encoder);
    encoder
        .compress_to_vec(Image {
            pixels,
            width,
            pitch,
            height: pixels.len() / pitch,
            format,
        })
        .expect("encodes")
}

pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    compress(picture.as_raw(), picture.width(), PixelFormat::RGB, |_| ())
}

/// With a segment after the first marker.
pub fn with_segment(jpeg: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (2 + body.len()) as u16;
    [
        &jpeg[..2],
        &[0xff, marker],
        &length.to_be_bytes(),
        body,
        &jpeg[2..],
    ]
    .concat()
}

/// The same file but for its first segment of that kind.
pub fn without_segment(jpeg: &[u8], marker: u8) -> Vec<u8> {
    let at = jpeg
        .windows(2)
        .position(|at| at == [0xff, marker])
        .expect("there is such a segment");
    let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
    [&jpeg[..at], &jpeg[at + 2 + length..]].concat()
}

/// With an Exif segment that says which way is up, 1 to 8.
pub fn with_orientation(jpeg: &[u8], value: u8) -> Vec<u8> {
    let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
    with_segment(
        jpeg,
        0xe1,
        &[b"Exif\0\0II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat(),
    )
}

/// With these bytes as its colour profile, in two parts, the second one first.
pub fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let (first, second) = profile.split_at(profile.len() / 2);
    let part = |number: u8, part: &[u8]| [b"ICC_PROFILE\0".as_slice(), &[number, 2], part].concat();
    with_segment(
        &with_segment(jpeg, 0xe2, &part(1, first)),
        0xe2,
        &part(2, second),
    )
}

/// A progressive file.
fn progressive(picture: &RgbImage) -> Vec<u8> {
    let set = |encoder: &mut Compressor| encoder.set_progressive(true).expect("progressive");
    compress(picture.as_raw(), picture.width(), PixelFormat::RGB, set)
}

/// A progressive file whose first scan comes so many times.
pub fn many_scans(picture: &RgbImage, times: usize) -> Vec<u8> {
    repeat_scan(&progressive(picture), 0, times)
}

/// A file's scan number `which` comes so many times.
pub fn repeat_scan(jpeg: &[u8], which: usize, times: usize) -> Vec<u8> {
    let mut scans: Vec<_> = (0..jpeg.len() - 1)
        .filter(|at| jpeg[*at..].starts_with(&[0xff, 0xda]))
        .collect();
    scans.push(jpeg.len() - 2);
    let from = scans[which];
    let to = scans[which + 1];
    [&jpeg[..from], &jpeg[from..to].repeat(times), &jpeg[to..]].concat()
}

/// With a restart marker after each row of blocks.
pub fn with_restarts(picture: &RgbImage) -> Vec<u8> {
    restarted(picture, false)
}

pub fn arithmetic_with_restarts(picture: &RgbImage) -> Vec<u8> {
    restarted(picture, true)
}

/// The safe wrapper knows nothing of restarts.
#[allow(unsafe_code, reason = "there is no safe way to it")]
fn restarted(picture: &RgbImage, is_arithmetic: bool) -> Vec<u8> {
    use turbojpeg::raw;
    let width = picture.width() as i32;
    let height = picture.height() as i32;
    let mut bytes = std::ptr::null_mut();
    let mut length = 0;
    // SAFETY: the pixels have the size that is told; the library allocates the file, which is copied before it is freed.
    unsafe {
        let encoder = raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as i32);
        for (what, value) in [
            (raw::TJPARAM_TJPARAM_QUALITY, 90),
            (raw::TJPARAM_TJPARAM_SUBSAMP, raw::TJSAMP_TJSAMP_420),
            (raw::TJPARAM_TJPARAM_RESTARTROWS, 1),
            (raw::TJPARAM_TJPARAM_ARITHMETIC, is_arithmetic.into()),
        ] {
            assert_eq!(raw::tj3Set(encoder, what as i32, value), 0, "set");
        }
        let format = raw::TJPF_TJPF_RGB;
        let pixels = picture.as_ptr();
        let failed = raw::tj3Compress8(
            encoder,
            pixels,
            width,
            0,
            height,
            format,
            &raw mut bytes,
            &raw mut length,
        );
        assert_eq!(failed, 0, "compressed");
        let file = std::slice::from_raw_parts(bytes, length as usize).to_vec();
        raw::tj3Free(bytes.cast());
        raw::tj3Destroy(encoder);
        file
    }
}
