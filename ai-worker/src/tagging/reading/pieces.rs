//! Long lines in pieces of one width, so that pieces of all pictures share batches.

use std::ops::Range;

use super::Strip;

/// Neighbours share at least a fifth of a piece: a symbol that one of them cuts through, the other has whole.
const SHARED: usize = 5;
/// Symbols are told by their middles, which are at least so many pixels from a piece's edge.
const RIM_PX: usize = 8;

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// `[height, width, 3] u8`
    pub rgb: Vec<u8>,
    /// From where to where, in parts of the piece, symbols are told by it: the rest is its neighbours'.
    pub own: Range<f32>,
}

/// Cuts a line into pieces. Each ends in the emptiest column of what it shares with the next one, as far as there is one.
pub fn pieces(strip: &Strip, height: usize, width: usize) -> Vec<Piece> {
    let starts = starts(strip.width, width);
    let ink = ink(strip, height);
    let mut ends = Vec::with_capacity(starts.len());
    for pair in starts.windows(2) {
        let shared = pair[1] + RIM_PX..pair[0] + width - RIM_PX;
        ends.push(emptiest(&ink, shared));
    }
    let mut pieces = Vec::with_capacity(starts.len());
    for (number, start) in starts.iter().copied().enumerate() {
        let part = |column: &usize| (column - start) as f32 / width as f32;
        let from = number.checked_sub(1).and_then(|before| ends.get(before));
        let to = ends.get(number);
        pieces.push(Piece {
            rgb: columns(strip, height, start, width),
            own: from.map_or(0.0, part)..to.map_or(1.0, part),
        });
    }
    pieces
}

/// Returns where pieces begin: as few as there can be, at equal distances.
fn starts(line: usize, width: usize) -> Vec<usize> {
    if line <= width {
        return vec![0];
    }
    let step = width - width / SHARED;
    let steps = (line - width).div_ceil(step);
    (0..=steps)
        .map(|number| number * (line - width) / steps)
        .collect()
}

/// Returns how far the grey of each column spreads.
fn ink(strip: &Strip, height: usize) -> Vec<f32> {
    let grey = |x: usize, y: usize| {
        let pixel = &strip.rgb[3 * (y * strip.width + x)..][..3];
        pixel.iter().map(|light| f32::from(*light)).sum::<f32>() / 3.0
    };
    let column = |x: usize| {
        let mean = (0..height).map(|y| grey(x, y)).sum::<f32>() / height as f32;
        let squares: f32 = (0..height).map(|y| (grey(x, y) - mean).powi(2)).sum();
        (squares / height as f32).sqrt()
    };
    (0..strip.width).map(column).collect()
}

/// Returns the column with the least ink around it; of several the one nearest to the middle.
fn emptiest(ink: &[f32], columns: Range<usize>) -> usize {
    let middle = (columns.start + columns.end) / 2;
    let around = |x: usize| {
        ink[x.saturating_sub(2)..(x + 3).min(ink.len())]
            .iter()
            .sum::<f32>()
    };
    let cost = |x: &usize| (around(*x).round() as u32, x.abs_diff(middle));
    columns.min_by_key(cost).unwrap_or(middle)
}

/// Behind a line that is shorter than a piece the ground goes on that it stands on: the mean of its last column. Each of that
/// column's own pixels going on would be strokes where a picture has grain.
fn columns(strip: &Strip, height: usize, start: usize, width: usize) -> Vec<u8> {
    let taken = width.min(strip.width - start);
    let ground = ground(strip, height);
    let mut rgb = Vec::with_capacity(3 * width * height);
    for row in strip.rgb.chunks_exact(3 * strip.width) {
        rgb.extend_from_slice(&row[3 * start..3 * (start + taken)]);
        rgb.extend(ground.repeat(width - taken));
    }
    rgb
}

fn ground(strip: &Strip, height: usize) -> [u8; 3] {
    let rows = strip.rgb.chunks_exact(3 * strip.width);
    let last = rows.map(|row| &row[row.len() - 3..]);
    let mut sum = [0_usize; 3];
    for pixel in last {
        for (sum, light) in sum.iter_mut().zip(pixel) {
            *sum += usize::from(*light);
        }
    }
    sum.map(|sum| (sum / height.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEIGHT: usize = 4;

    /// A line whose columns are striped, but for those of `gaps`.
    fn strip(width: usize, gaps: &[Range<usize>]) -> Strip {
        let is_gap = |x: usize| gaps.iter().any(|gap| gap.contains(&x));
        let pixel = |at: usize| {
            let [x, y] = [at % width, at / width];
            let light = if is_gap(x) || y % 2 == 0 { 255 } else { 0 };
            [light; 3]
        };
        Strip {
            rgb: (0..width * HEIGHT).flat_map(pixel).collect(),
            width,
        }
    }

    #[test]
    fn a_short_line_is_one_piece_whose_ground_goes_on() {
        let [piece] = &pieces(&strip(10, std::slice::from_ref(&(9..10))), HEIGHT, 16)[..] else {
            panic!("one piece");
        };
        assert_eq!(piece.own, 0.0..1.0);
        assert_eq!(piece.rgb.len(), 3 * 16 * HEIGHT);
        let row = &piece.rgb[3 * 16..2 * 3 * 16];
        assert!(row[..27].iter().all(|light| *light == 0));
        assert!(row[27..].iter().all(|light| *light == 255));
    }

    #[test]
    fn a_long_line_is_cut_where_it_is_empty() {
        // Pieces of 100 begin at 0, 75 and 150; the gap at 90 is where the first may end.
        let line = strip(250, std::slice::from_ref(&(86..94)));
        let cut = pieces(&line, HEIGHT, 100);
        let own: Vec<_> = cut.iter().map(|piece| piece.own.clone()).collect();
        assert_eq!(own.len(), 3);
        assert!((0.88..=0.92).contains(&own[0].end), "{own:?}");
        // In the next piece the same column, and without a gap the middle of what is shared.
        assert!(
            (own[1].start * 100.0 + 75.0 - own[0].end * 100.0).abs() < 0.1,
            "{own:?}"
        );
        assert!((own[1].end - 0.87).abs() < 0.02, "{own:?}");
        assert_eq!(own[2].end, 1.0);
        assert_eq!(cut[1].rgb[..30], line.rgb[3 * 75..3 * 85]);
    }

    #[test]
    fn pieces_cover_any_line_and_overlap() {
        for line in 1..=1_000 {
            let starts = starts(line, 100);
            assert_eq!(starts[0], 0);
            let is_overlapping =
                |pair: &[usize]| pair[0] < pair[1] && pair[1] + 2 * RIM_PX < pair[0] + 100;
            assert!(starts.windows(2).all(is_overlapping), "{line}: {starts:?}");
            assert!(
                starts
                    .last()
                    .is_some_and(|last| line <= 100 || last + 100 == line),
                "{line}"
            );
        }
    }
}
