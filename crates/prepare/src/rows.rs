//! Rows of a large picture, averaged as they come: what is kept has a few times a tile's size, however large the picture is.

use std::ops::Range;

use common::model::{Fit, TileSpec};

use crate::tile;

/// What is kept has this many times the pixels that a tile needs, across and down: the last step is left to a better filter.
const SPARE: usize = 2;

/// Nor is a side ever longer than this many times what a tile needs of it: strips of 60,000 pixels would be kept whole.
const LONGEST: usize = 8 * SPARE;

/// Which part of a picture is kept, and how many of its pixels become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub across: usize,
    pub down: usize,
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

impl Plan {
    /// For the tile that `spec` asks for, of a picture of this size that lies as it is.
    pub fn new((width, height): (usize, usize), spec: TileSpec) -> Self {
        let (needed_width, needed_height) = tile::needed(spec);
        let (columns, rows) = match spec.fit {
            Fit::Crop => (
                centre(width, height, needed_width, needed_height),
                centre(height, width, needed_height, needed_width),
            ),
            Fit::Stretch | Fit::Pad => (0..width, 0..height),
        };
        let across = columns.len() / (SPARE * needed_width);
        let down = rows.len() / (SPARE * needed_height);
        let both = match spec.fit {
            Fit::Crop | Fit::Stretch => across.min(down),
            // The longer side alone reaches the tile's edge.
            Fit::Pad => across.max(down),
        };
        let bounded = |side: usize, needed: usize| both.max(side.div_ceil(LONGEST * needed));
        let across = bounded(columns.len(), needed_width);
        let down = bounded(rows.len(), needed_height);
        Self {
            across: across.max(1),
            down: down.max(1),
            columns,
            rows,
        }
    }

    /// Width and height of what is kept.
    pub fn size(&self) -> (usize, usize) {
        (
            self.columns.len().div_ceil(self.across),
            self.rows.len().div_ceil(self.down),
        )
    }

    /// Bytes of what is kept, and of a row of sums.
    pub fn bytes(&self, channels: usize) -> u64 {
        let (width, height) = self.size();
        (width * channels * (height + size_of::<u32>())) as u64
    }
}

/// The middle of a side, as long as the other side's share of the tile: more than a crop keeps.
fn centre(side: usize, other: usize, needed: usize, needed_other: usize) -> Range<usize> {
    let kept = (other * needed).div_ceil(needed_other).min(side);
    // On both sides the same, so that the middle stays the middle.
    let left = (side - kept) / 2;
    left..side - left
}

/// Takes rows from the top to the bottom.
pub struct Shrinker {
    plan: Plan,
    channels: usize,
    next_row: usize,
    sums: Vec<u32>,
    rows_in_sums: usize,
    kept: Vec<u8>,
}

impl Shrinker {
    pub fn new(plan: Plan, channels: usize) -> Self {
        let (width, height) = plan.size();
        Self {
            sums: vec![0; width * channels],
            kept: Vec::with_capacity(width * height * channels),
            plan,
            channels,
            next_row: 0,
            rows_in_sums: 0,
        }
    }

    /// False once no row is needed any more.
    pub fn is_open(&self) -> bool {
        self.next_row < self.plan.rows.end
    }

    /// Passes over rows of which none is kept.
    pub fn skip(&mut self, rows: usize) {
        self.next_row += rows;
    }

    /// A row of the whole picture's width.
    pub fn push(&mut self, row: &[u8]) {
        let is_kept = self.plan.rows.contains(&self.next_row);
        self.next_row += 1;
        if !is_kept {
            return;
        }
        let columns = &self.plan.columns;
        let row = &row[columns.start * self.channels..columns.end * self.channels];
        if self.plan.across == 1 && self.plan.down == 1 {
            self.kept.extend_from_slice(row);
            return;
        }
        self.add(row);
        self.rows_in_sums += 1;
        if self.rows_in_sums == self.plan.down || !self.is_open() {
            self.keep();
        }
    }

    fn add(&mut self, row: &[u8]) {
        let pixels = row.chunks(self.plan.across * self.channels);
        for (sums, pixels) in self.sums.chunks_exact_mut(self.channels).zip(pixels) {
            for pixel in pixels.chunks_exact(self.channels) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(*value);
                }
            }
        }
    }

    fn keep(&mut self) {
        let across = self.plan.across;
        let mut left = self.plan.columns.len();
        for sums in self.sums.chunks_exact_mut(self.channels) {
            let count = (across.min(left) * self.rows_in_sums) as u32;
            left -= across.min(left);
            for sum in sums {
                self.kept.push(((*sum + count / 2) / count) as u8);
                *sum = 0;
            }
        }
        self.rows_in_sums = 0;
    }

    /// Rows that never came are white.
    pub fn finish(mut self) -> Vec<u8> {
        if self.rows_in_sums > 0 {
            self.keep();
        }
        let (width, height) = self.plan.size();
        self.kept.resize(width * height * self.channels, 255);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(fit: Fit) -> TileSpec {
        TileSpec {
            width: 224,
            height: 224,
            fit,
        }
    }

    fn shrunk(plan: &Plan, size: (usize, usize), pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let mut shrinker = Shrinker::new(plan.clone(), 1);
        for y in 0..size.1 {
            let row: Vec<u8> = (0..size.0).map(|x| pixel(x, y)).collect();
            shrinker.push(&row);
        }
        shrinker.finish()
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_the_picture() {
        for fit in [Fit::Crop, Fit::Stretch, Fit::Pad] {
            for size in [
                (1_080, 60_000),
                (60_000, 1_080),
                (30_000, 20_000),
                (512, 500_000),
                (16_384, 16_384),
            ] {
                let (width, height) = Plan::new(size, spec(fit)).size();
                assert!(
                    width.max(height) <= 256 * LONGEST,
                    "{fit:?} {size:?}: {width} × {height}"
                );
            }
        }
    }

    #[test]
    fn enough_is_kept_for_the_tile() {
        for size in [(300, 200), (1_024, 1_024), (4_032, 3_024), (1_080, 60_000)] {
            let (width, height) = Plan::new(size, spec(Fit::Crop)).size();
            let least = size.0.min(size.1).min(256);
            assert!(width >= least && height >= least, "{size:?}");
        }
        let small = Plan::new((300, 300), spec(Fit::Crop));
        assert_eq!(small.size(), (300, 300));
    }

    #[test]
    fn pixels_are_averaged_and_those_at_the_edges_too() {
        let plan = Plan {
            across: 2,
            down: 3,
            columns: 0..5,
            rows: 0..4,
        };
        // Each column has a value of its own, and the last row another one.
        let kept = shrunk(
            &plan,
            (5, 4),
            |x, y| if y == 3 { 200 } else { 10 * x as u8 },
        );
        assert_eq!(kept, [5, 25, 40, 200, 200, 200]);
    }

    #[test]
    fn the_middle_is_what_is_kept_of_a_long_picture() {
        let size = (600, 60_000);
        let plan = Plan::new(size, spec(Fit::Crop));
        assert_eq!(plan.rows.len(), 600);
        let kept = shrunk(&plan, size, |_, y| {
            if (29_700..30_300).contains(&y) { 90 } else { 9 }
        });
        assert!(
            kept.iter().all(|value| *value == 90),
            "nothing from above or below"
        );
    }

    #[test]
    fn rows_that_are_missing_are_white() {
        let plan = Plan {
            across: 1,
            down: 1,
            columns: 0..2,
            rows: 0..2,
        };
        let mut shrinker = Shrinker::new(plan, 1);
        shrinker.push(&[7, 8]);
        assert!(shrinker.is_open());
        assert_eq!(shrinker.finish(), [7, 8, 255, 255]);
    }
}
