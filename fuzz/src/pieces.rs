//! A JPEG as segments and what lies between them, to change one and keep the others.

/// How much longer one change may make a piece.
const GROWTH_BYTES: usize = 64;

pub struct Pieces(pub Vec<Vec<u8>>);

impl Pieces {
    pub fn of(file: &[u8]) -> Self {
        let mut pieces = Vec::new();
        let mut rest = file;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(first_bytes(rest));
            pieces.push(piece.to_vec());
            rest = after;
        }
        Self(pieces)
    }

    /// Gives a segment another marker.
    pub fn rename(&mut self, at: usize, marker: u8) {
        if let [0xff, of, ..] = self.0[at].as_mut_slice() {
            *of = marker;
        }
    }

    /// Changes a segment's body, or pixels, by `mutate(bytes, length, longest)`, which returns the new length.
    pub fn edit(&mut self, at: usize, mutate: impl FnOnce(&mut [u8], usize, usize) -> usize) {
        let piece = &mut self.0[at];
        let head = if is_segment(piece) { 4 } else { 0 };
        let length = piece.len() - head;
        piece.resize(piece.len() + GROWTH_BYTES, 0);
        let length = mutate(&mut piece[head..], length, length + GROWTH_BYTES);
        piece.truncate(head + length);
        if head > 0 {
            let told = u16::try_from(length + 2).unwrap_or(u16::MAX);
            piece[2..4].copy_from_slice(&told.to_be_bytes());
        }
    }
}

fn is_segment(piece: &[u8]) -> bool {
    matches!(piece, [0xff, marker, _, _, ..] if starts_segment(*marker))
}

/// Neither RSTn, which belongs to the pixels, nor SOI and EOI, which stand alone.
fn starts_segment(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf | 0xda..=0xfe)
}

fn first_bytes(rest: &[u8]) -> usize {
    match *rest {
        [0xff, 0xd8 | 0xd9, ..] => 2,
        [0xff, marker, high, low, ..] if starts_segment(marker) => {
            (2 + usize::from(u16::from_be_bytes([high, low]))).clamp(4, rest.len())
        }
        _ => {
            let is_marker = |at: &[u8]| {
                at[0] == 0xff && (starts_segment(at[1]) || matches!(at[1], 0xd8 | 0xd9))
            };
            rest.windows(2)
                .skip(1)
                .position(is_marker)
                .map_or(rest.len(), |before| before + 1)
        }
    }
}
