//! What is believed of a decoder. A file may have taken it over, so its answer is one that a sound decoder could give, or
//! none.

use std::io;

use common::fault::{Code, Fault};

use crate::{
    Limits, Picture, exif, fault,
    protocol::{Decoded, Reply},
};

/// Longer than what any decoder says of a file.
const MAX_DETAIL_BYTES: usize = 500;
/// There are as many kinds.
const MOST_WARNINGS: usize = 2;

pub fn believed(reply: Reply, limits: &Limits) -> io::Result<Reply> {
    match reply {
        Reply::Done(decoded) => Ok(Reply::Done(checked(decoded, limits)?)),
        Reply::Panicked => Ok(Reply::Panicked),
    }
}

fn checked(decoded: Decoded, limits: &Limits) -> io::Result<Decoded> {
    let is_sound = match &decoded {
        Ok(picture) => is_within(picture, limits),
        Err(told) => is_about_a_file(told),
    };
    if !is_sound {
        return Err(io::Error::other("no decoder answers so"));
    }
    // The stage and whether another try is worth it are not the decoder's to say.
    Ok(decoded.map_err(|told| Fault {
        reason: told.reason,
        ..fault(told.code, told.detail)
    }))
}

fn is_within(picture: &Picture, limits: &Limits) -> bool {
    picture.frames >= 1
        && limits.check_frames(picture.frames).is_ok()
        && limits.check_shape(picture.width, picture.height).is_ok()
        && u64::from(picture.width) * u64::from(picture.height) <= limits.most_pixels()
        && picture.warnings.len() <= MOST_WARNINGS
        && exif::could_be_read(&picture.exif)
}

fn is_about_a_file(told: &Fault) -> bool {
    let is_code = matches!(
        told.code,
        Code::BadAspect
            | Code::DecodeTimeout
            | Code::EmptyImage
            | Code::ImageInvalid
            | Code::ImageTooLarge
            | Code::ImageTruncated
            | Code::Internal
            | Code::TooManyFrames
            | Code::UnsupportedFormat
    );
    is_code && told.detail.len() <= MAX_DETAIL_BYTES && !told.detail.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use common::{
        image::{Exif, GeoPoint},
        stage::Stage,
    };

    use super::*;

    fn picture(width: u32, frames: u32) -> Decoded {
        Ok(Picture {
            width,
            height: 10,
            frames,
            warnings: Vec::new(),
            exif: Exif::default(),
            rgb: Vec::new(),
        })
    }

    fn is_believed(decoded: Decoded) -> bool {
        believed(Reply::Done(decoded), &Limits::STANDARD).is_ok()
    }

    #[test]
    fn a_size_beyond_the_limits_is_no_files() {
        assert!(is_believed(picture(10, 1)));
        for width in [0, 10_001, u32::MAX] {
            assert!(!is_believed(picture(width, 1)), "{width}");
        }
        for frames in [0, Limits::STANDARD.max_frames + 1] {
            assert!(!is_believed(picture(10, frames)), "{frames}");
        }
    }

    #[test]
    fn what_no_camera_writes_is_not_believed() {
        let told = |exif| {
            let exif = move |picture| Picture { exif, ..picture };
            is_believed(picture(10, 1).map(exif))
        };
        let camera = |name: &str| Exif {
            camera: Some(name.to_owned()),
            ..Exif::default()
        };
        let taken = |time: &str| Exif {
            taken_at: Some(time.to_owned()),
            ..Exif::default()
        };
        let place = |latitude, longitude| Exif {
            place: Some(GeoPoint {
                latitude,
                longitude,
            }),
            ..Exif::default()
        };
        assert!(told(camera("Canon EOS R5")));
        assert!(!told(camera("<script>\n")));
        assert!(!told(camera(&"x".repeat(65))));
        assert!(told(taken("2024-05-01T12:33:10+09:00")));
        assert!(!told(taken("yesterday")));
        assert!(told(place(37.5, 127.0)));
        assert!(!told(place(f64::NAN, 127.0)));
        assert!(!told(place(91.0, 0.0)));
    }

    #[test]
    fn a_decoder_blames_the_file_and_nobody_else() {
        let told = |code, detail: &str| Err(Fault::new(code, Stage::Admit, detail).retryable(true));
        let Ok(Reply::Done(Err(fault))) = believed(
            Reply::Done(told(Code::ImageInvalid, "Cut off.")),
            &Limits::STANDARD,
        ) else {
            panic!("it is believed");
        };
        assert_eq!(
            (fault.code, fault.stage, fault.retryable),
            (Code::ImageInvalid, Stage::Prepare, false)
        );
        assert!(!is_believed(told(Code::Unauthorized, "Send your key.")));
        assert!(!is_believed(told(Code::ImageInvalid, "two\nlines")));
        assert!(!is_believed(told(Code::ImageInvalid, &"x".repeat(501))));
    }
}
