//! The fields of a directory that are told.

use common::image::{Exif, GeoPoint};

use crate::ifd::{Entry, Tiff};

const MAKE: u16 = 0x010f;
const MODEL: u16 = 0x0110;
/// Where the directory of the shot is, and that of the place.
const SHOT: u16 = 0x8769;
const GPS: u16 = 0x8825;

const TAKEN_AT: u16 = 0x9003;
const DIGITISED_AT: u16 = 0x9004;
const ZONE_OF_TAKEN: u16 = 0x9011;
const ZONE_OF_DIGITISED: u16 = 0x9012;

const NORTH_OR_SOUTH: u16 = 1;
const LATITUDE: u16 = 2;
const EAST_OR_WEST: u16 = 3;
const LONGITUDE: u16 = 4;

const MOMENT_CHARS: usize = "2024-05-01T12:33:10".len();

/// More than any camera's name has.
const MOST_CAMERA_CHARS: usize = 64;

pub fn read(bytes: &[u8]) -> Exif {
    let Some(tiff) = Tiff::read(bytes) else {
        return Exif::default();
    };
    let main = Directory(tiff, tiff.first());
    let inner = |tag| {
        let at = main.entry(tag).and_then(|entry| entry.number())?;
        Some(Directory(tiff, at as usize))
    };
    Exif {
        taken_at: inner(SHOT).and_then(taken_at),
        camera: camera(main),
        place: inner(GPS).and_then(place),
    }
}

#[derive(Clone, Copy)]
struct Directory<'a>(Tiff<'a>, usize);

impl<'a> Directory<'a> {
    fn entry(self, tag: u16) -> Option<Entry<'a>> {
        let Self(tiff, at) = self;
        tiff.entries(at).find(|entry| entry.tag == tag)
    }

    /// Text without what pads it. Cameras write ASCII.
    fn text(self, tag: u16) -> Option<String> {
        let bytes = self.entry(tag)?.bytes()?;
        let text = bytes.split(|byte| *byte == 0).next()?;
        let text: String = text
            .iter()
            .copied()
            .filter(|byte| is_printed(*byte))
            .map(char::from)
            .collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn is_printed(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn camera(main: Directory<'_>) -> Option<String> {
    let make = main.text(MAKE);
    let model = main.text(MODEL)?;
    let name = match make {
        // Many models bear their maker's name.
        Some(make) if !model.to_lowercase().starts_with(&first_word(&make)) => {
            format!("{make} {model}")
        }
        _ => model,
    };
    Some(name.chars().take(MOST_CAMERA_CHARS).collect())
}

fn first_word(make: &str) -> String {
    let word = make.split_whitespace().next().unwrap_or_default();
    word.to_lowercase()
}

fn taken_at(shot: Directory<'_>) -> Option<String> {
    [(TAKEN_AT, ZONE_OF_TAKEN), (DIGITISED_AT, ZONE_OF_DIGITISED)]
        .into_iter()
        .find_map(|(time, zone)| {
            let time = moment(&shot.text(time)?)?;
            let zone = shot.text(zone).filter(|zone| is_zone(zone));
            Some(time + &zone.unwrap_or_default())
        })
}

pub fn is_camera(name: &str) -> bool {
    name.len() <= MOST_CAMERA_CHARS && name.bytes().all(is_printed)
}

/// Returns whether that is a moment as it is told here.
pub fn is_moment(text: &str) -> bool {
    let Some((told, zone)) = text.split_at_checked(MOMENT_CHARS) else {
        return false;
    };
    let as_written = told.replace('T', " ");
    moment(&as_written).as_deref() == Some(told) && (zone.is_empty() || is_zone(zone))
}

/// Makes `2024-05-01T12:33:10` of `2024:05:01 12:33:10`; nothing of what is no time, as a clock that was never set has it.
fn moment(text: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date)?;
    let [hour, minute, second] = numbers(time)?;
    let is_time = (1826..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    is_time.then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

fn days(year: u16, month: u16) -> u16 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn numbers(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split([':', '-']).map(|part| part.trim().parse().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// As `+09:00`.
fn is_zone(text: &str) -> bool {
    let [b'+' | b'-', a, b, b':', c, d] = *text.as_bytes() else {
        return text == "Z";
    };
    let number = |tens: u8, ones: u8| {
        let digits = [tens, ones].map(|digit| char::from(digit).to_digit(10));
        Some(10 * digits[0]? + digits[1]?)
    };
    number(a, b).is_some_and(|hours| hours <= 14)
        && number(c, d).is_some_and(|minutes| minutes < 60)
}

fn place(gps: Directory<'_>) -> Option<GeoPoint> {
    let latitude = degrees(gps, LATITUDE)?;
    let longitude = degrees(gps, LONGITUDE)?;
    let south = gps.text(NORTH_OR_SOUTH).is_some_and(|side| side == "S");
    let west = gps.text(EAST_OR_WEST).is_some_and(|side| side == "W");
    let place = GeoPoint {
        latitude: if south { -latitude } else { latitude },
        longitude: if west { -longitude } else { longitude },
    };
    // Cameras without a fix write zeros.
    let is_nowhere = latitude == 0.0 && longitude == 0.0;
    (is_on_earth(place) && !is_nowhere).then_some(place)
}

pub fn is_on_earth(place: GeoPoint) -> bool {
    (-90.0..=90.0).contains(&place.latitude) && (-180.0..=180.0).contains(&place.longitude)
}

/// Degrees, minutes and seconds, each a fraction; what is missing at the end is none.
fn degrees(gps: Directory<'_>, tag: u16) -> Option<f64> {
    let mut sum = 0.0;
    let mut parts = 0;
    for (part, share) in gps.entry(tag)?.fractions().zip([1.0, 60.0, 3600.0]) {
        // What is nonsense after the degrees is none, like what is missing.
        sum += match part {
            Some(part) => part / share,
            None if parts > 0 => break,
            None => return None,
        };
        parts += 1;
    }
    (parts > 0).then_some(sum)
}

#[cfg(test)]
mod tests {
    use testing::pictures::{Shot, shot};

    use super::*;

    #[test]
    fn nonsense_is_no_time() {
        assert_eq!(
            moment("2024:05:01 12:33:10").as_deref(),
            Some("2024-05-01T12:33:10")
        );
        for text in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "2024:13:01 00:00:00",
            "2023:02:29 00:00:00",
            "2024:05:01",
            "",
        ] {
            assert_eq!(moment(text), None, "{text:?}");
        }
        for (zone, is) in [
            ("+09:00", true),
            ("Z", true),
            ("+09:60", false),
            ("+99:00", false),
            ("+9:00", false),
            ("09:00", false),
            ("+0900x", false),
        ] {
            assert_eq!(is_zone(zone), is, "{zone}");
        }
    }

    #[test]
    fn what_is_told_can_be_told() {
        for (text, is) in [
            ("2024-05-01T12:33:10", true),
            ("2024-05-01T12:33:10+09:00", true),
            ("2024-05-01T12:33:10+09", false),
            ("2024-99-01T12:33:10", false),
            ("2024", false),
        ] {
            assert_eq!(is_moment(text), is, "{text}");
        }
    }

    #[test]
    fn a_directory_that_is_cut_off_is_read_as_far_as_it_goes() {
        let whole = shot().directory();
        let told = read(&whole);
        assert_eq!(told.camera.as_deref(), Some("Canon EOS R5"));
        assert_eq!(told.taken_at.as_deref(), Some("2024-05-01T12:33:10+09:00"));
        let place = told.place.expect("a place");
        assert!((place.latitude + 37.5665).abs() < 1e-4, "{place:?}");
        assert!((place.longitude - 126.978).abs() < 1e-4, "{place:?}");
        for length in 0..whole.len() {
            read(&whole[..length]);
        }
        assert!(read(&whole[..8]).is_empty());
    }

    #[test]
    fn a_camera_without_a_fix_was_nowhere() {
        let exif = Shot {
            degrees: (0.0, 0.0),
            ..shot()
        };
        assert_eq!(read(&exif.directory()).place, None);
    }

    #[test]
    fn a_makers_name_is_told_once() {
        let exif = Shot {
            make: "NIKON CORPORATION",
            model: "NIKON D850",
            ..shot()
        };
        let told = read(&exif.directory());
        assert_eq!(told.camera.as_deref(), Some("NIKON D850"));
    }
}
