//! The scan as bits, the first one highest.

pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, at the upper end. Below `count` of them lies nothing, or what comes next anyway.
    buffer: u64,
    count: u32,
    /// How many of `count` stand behind the scan's end.
    invented: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            count: 0,
            invented: 0,
        }
    }

    /// At least 32 bits, then; zeros where the scan has ended.
    #[inline(always)]
    pub fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        match self.data.get(self.at..).and_then(|rest| rest.first_chunk()) {
            Some(next) if !holds_ff(u64::from_be_bytes(*next)) => {
                // Whole bytes that fit are counted; the rest of the eight is put there once more next time.
                self.buffer |= u64::from_be_bytes(*next) >> self.count;
                let bytes = (63 - self.count) / 8;
                self.at += bytes as usize;
                self.count += bytes * 8;
            }
            _ => self.fill_slowly(),
        }
    }

    #[cold]
    fn fill_slowly(&mut self) {
        self.buffer &= !(u64::MAX.checked_shr(self.count).unwrap_or(0));
        while self.count <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                // A stuffed zero tells data from a marker.
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.invented += 8;
                    0
                }
                (Some(byte), _) => {
                    self.at += 1;
                    *byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `n` bits, 1 to 32, which stay.
    #[inline(always)]
    pub fn peek(&self, n: u32) -> usize {
        (self.buffer >> (64 - n)) as usize
    }

    /// At most as many as were filled.
    #[inline(always)]
    pub fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.count -= n;
    }

    /// A number of `n` bits, 0 to 16, as the standard stores it: with a leading zero it is negative.
    #[inline(always)]
    pub fn number(&mut self, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        let value = self.peek(n) as i32;
        self.skip(n);
        if value >> (n - 1) == 0 {
            value - (1 << n) + 1
        } else {
            value
        }
    }

    /// Returns whether more was read than there was.
    pub fn has_run_dry(&self) -> bool {
        self.count < self.invented
    }

    /// What stands where no more bytes are filled from: a marker, if the data is not at its end.
    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// Goes on behind the marker that must stand here, with less than a byte of padding before it.
    pub fn pass_marker(&mut self, marker: u8) -> Option<()> {
        // Bytes that were filled ahead of a marker are data: none may be left.
        self.count = self.count.checked_sub(self.invented)?;
        let rest = self.data.get(self.at..)?;
        if self.count >= 8 || !rest.starts_with(&[0xff, marker]) {
            return None;
        }
        *self = Self {
            at: self.at + 2,
            ..Self::new(self.data)
        };
        Some(())
    }
}

#[inline(always)]
fn holds_ff(word: u64) -> bool {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let inverted = !word;
    inverted.wrapping_sub(LOW) & word & HIGH != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_zeros_are_no_data_and_nothing_lies_behind_a_marker() {
        let data: Vec<u8> = (1..=40)
            .chain([0xff, 0, 0xff, 0])
            .chain(50..60)
            .chain([0xff, 0xd9])
            .collect();
        let mut bits = Bits::new(&data);
        for expected in (1..=40).chain([0xff, 0xff]).chain(50..60) {
            bits.fill();
            assert_eq!(bits.peek(8), expected);
            bits.skip(8);
        }
        assert!(bits.pass_marker(0xd9).is_some());
        assert!(bits.pass_marker(0xd9).is_none());
    }

    #[test]
    fn a_marker_too_early_or_too_late_is_seen() {
        let mut short = Bits::new(&[1, 2, 0xff, 0xd9]);
        short.fill();
        short.skip(20);
        assert!(short.pass_marker(0xd9).is_none(), "four bits were invented");
        let mut long = Bits::new(&[1, 2, 0xff, 0xd9]);
        long.fill();
        long.skip(8);
        assert!(long.pass_marker(0xd9).is_none(), "a whole byte is left");
    }

    #[test]
    fn numbers_have_signs() {
        // 0, 1, 00, 11, 01; nothing; 100
        let mut bits = Bits::new(&[0b0100_1101, 0b1000_0000]);
        bits.fill();
        assert_eq!(
            [1, 1, 2, 2, 2, 0, 3].map(|n| bits.number(n)),
            [-1, 1, -3, 3, -2, 0, 4]
        );
    }
}
