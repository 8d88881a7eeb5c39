//! What a camera writes down beside its picture.

use super::tiff::{Entry, ifd};

const TEXT: u16 = 2;
const NUMBER: u16 = 4;
const FRACTION: u16 = 5;

#[derive(Clone, Copy, Debug)]
pub struct Shot {
    pub make: &'static str,
    pub model: &'static str,
    pub taken_at: &'static str,
    pub zone: &'static str,
    /// To the north and to the east.
    pub degrees: (f64, f64),
}

/// In the south, so that signs matter.
pub fn shot() -> Shot {
    Shot {
        make: "Canon",
        model: "Canon EOS R5",
        taken_at: "2024:05:01 12:33:10",
        zone: "+09:00",
        degrees: (-37.5665, 126.978),
    }
}

impl Shot {
    /// Returns the directories, in the byte order of Intel.
    pub fn directory(&self) -> Vec<u8> {
        let (north, east) = self.degrees;
        let mut file = Written(b"II*\0\0\0\0\0".to_vec());
        let shot = [
            file.text(0x9003, self.taken_at),
            file.text(0x9011, self.zone),
        ];
        let shot = file.directory(&shot);
        let place = [
            file.text(1, if north < 0.0 { "S" } else { "N" }),
            file.degrees(2, north.abs()),
            file.text(3, if east < 0.0 { "W" } else { "E" }),
            file.degrees(4, east.abs()),
        ];
        let place = file.directory(&place);
        let main = [
            file.text(0x010f, self.make),
            file.text(0x0110, self.model),
            (0x8769, NUMBER, 1, shot),
            (0x8825, NUMBER, 1, place),
        ];
        let first = file.directory(&main);
        file.0[4..8].copy_from_slice(&first.to_le_bytes());
        file.0
    }
}

/// Values come before the directories that name them.
struct Written(Vec<u8>);

impl Written {
    fn end(&self) -> u32 {
        self.0.len() as u32
    }

    fn directory(&mut self, entries: &[Entry]) -> u32 {
        let at = self.end();
        self.0.extend(ifd(entries, 0));
        at
    }

    fn text(&mut self, tag: u16, text: &str) -> Entry {
        let bytes = [text.as_bytes(), b"\0"].concat();
        let count = bytes.len() as u32;
        if let Some(short) = bytes.first_chunk::<2>().filter(|_| count == 2) {
            return (tag, TEXT, count, u16::from_le_bytes(*short).into());
        }
        let at = self.end();
        self.0.extend(bytes);
        (tag, TEXT, count, at)
    }

    /// In degrees, minutes and hundredths of seconds.
    fn degrees(&mut self, tag: u16, degrees: f64) -> Entry {
        let at = self.end();
        let minutes = degrees.fract() * 60.0;
        let hundredths = (minutes.fract() * 6_000.0).round() as u32;
        for [above, below] in [[degrees as u32, 1], [minutes as u32, 1], [hundredths, 100]] {
            self.0.extend(above.to_le_bytes());
            self.0.extend(below.to_le_bytes());
        }
        (tag, FRACTION, 3, at)
    }
}
