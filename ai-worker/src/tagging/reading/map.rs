//! Where lines of text are, by a map of how likely each place is in one.

/// Fewer squares are a speck.
const LEAST_SQUARES: usize = 12;
/// A line is thicker than this, or nobody can read it.
const LEAST_SQUARES_HIGH: f32 = 3.0;
/// The mean of a line's squares; what is less sure is a pattern.
const SURE: f32 = 0.5;
/// The network marks the inner part of a line alone. What its letters take is found by moving each side outwards by the marked
/// area over its circumference, times this (PP-OCR's `unclip_ratio`).
const GROWTH: f32 = 1.6;
/// What is as wide as this in its own heights has a direction; what is shorter stands upright.
const HAS_A_DIRECTION: f32 = 1.5;

/// A line's rectangle, in the map's squares or a tile's pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineBox {
    /// Where its middle lies.
    pub x: f32,
    pub y: f32,
    /// Along the line and across it.
    pub width: f32,
    pub height: f32,
    /// Radians by which the line falls to the right, -π/4 to π/4.
    pub angle: f32,
}

impl LineBox {
    pub fn scaled(self, by: f32) -> Self {
        Self {
            x: self.x * by,
            y: self.y * by,
            width: self.width * by,
            height: self.height * by,
            angle: self.angle,
        }
    }

    /// Returns left, top, right and bottom of what it covers.
    pub fn bounds(&self) -> [f32; 4] {
        let (sin, cos) = self.angle.sin_cos();
        let across = (self.width * cos).abs() + (self.height * sin).abs();
        let down = (self.width * sin).abs() + (self.height * cos).abs();
        let [half_across, half_down] = [across / 2.0, down / 2.0];
        [
            self.x - half_across,
            self.y - half_down,
            self.x + half_across,
            self.y + half_down,
        ]
    }
}

/// `[height, width] f32`
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    likely: &'a [f32],
    width: usize,
}

impl<'a> Map<'a> {
    pub fn new(likely: &'a [f32], width: usize) -> Self {
        Self { likely, width }
    }

    /// Returns where lines are, in no order. `least`: how likely a square has to be.
    pub fn lines(&self, least: f32) -> Vec<LineBox> {
        let mut left: Vec<bool> = self.likely.iter().map(|it| *it > least).collect();
        let mut lines = Vec::new();
        for start in 0..left.len() {
            if left[start] {
                let squares = self.connected(start, &mut left);
                lines.extend(self.line(&squares));
            }
        }
        lines
    }

    /// Takes all squares that touch `start` by their sides out of those that are left.
    fn connected(&self, start: usize, left: &mut [bool]) -> Vec<usize> {
        let mut squares = Vec::new();
        let mut next = vec![start];
        left[start] = false;
        while let Some(at) = next.pop() {
            squares.push(at);
            let column = at % self.width;
            let neighbours = [
                (column > 0).then(|| at - 1),
                (column + 1 < self.width).then(|| at + 1),
                at.checked_sub(self.width),
                Some(at + self.width).filter(|below| *below < left.len()),
            ];
            for neighbour in neighbours.into_iter().flatten() {
                if std::mem::take(&mut left[neighbour]) {
                    next.push(neighbour);
                }
            }
        }
        squares
    }

    fn line(&self, squares: &[usize]) -> Option<LineBox> {
        let count = squares.len();
        let sum: f32 = squares.iter().map(|at| self.likely[*at]).sum();
        if count < LEAST_SQUARES || sum < SURE * count as f32 {
            return None;
        }
        let middles: Vec<[f32; 2]> = squares
            .iter()
            .map(|at| [at % self.width, at / self.width].map(|it| it as f32 + 0.5))
            .collect();
        let marked = around(&middles, direction(&middles));
        if marked.width.min(marked.height) < LEAST_SQUARES_HIGH {
            return None;
        }
        let growth = marked.width * marked.height * GROWTH / (marked.width + marked.height);
        Some(LineBox {
            width: marked.width + growth,
            height: marked.height + growth,
            ..marked
        })
    }
}

/// Returns the angle of the axis along which points spread most.
fn direction(points: &[[f32; 2]]) -> f32 {
    let count = points.len() as f32;
    let mean = |axis: usize| points.iter().map(|point| point[axis]).sum::<f32>() / count;
    let [x, y] = [mean(0), mean(1)];
    let mut spread = [0.0_f32; 3];
    for point in points {
        let [across, down] = [point[0] - x, point[1] - y];
        spread[0] += across * across;
        spread[1] += down * down;
        spread[2] += across * down;
    }
    let [across, down, both] = spread;
    if across < down * HAS_A_DIRECTION * HAS_A_DIRECTION {
        return 0.0;
    }
    0.5 * (2.0 * both).atan2(across - down)
}

/// Returns the rectangle of that direction that holds all points, which are the middles of squares.
fn around(points: &[[f32; 2]], angle: f32) -> LineBox {
    let (sin, cos) = angle.sin_cos();
    let mut least = [f32::MAX; 2];
    let mut most = [f32::MIN; 2];
    for [x, y] in points {
        let turned = [x * cos + y * sin, y * cos - x * sin];
        for axis in 0..2 {
            least[axis] = least[axis].min(turned[axis]);
            most[axis] = most[axis].max(turned[axis]);
        }
    }
    let [along, across] = [0, 1].map(|axis| (least[axis] + most[axis]) / 2.0);
    LineBox {
        x: along * cos - across * sin,
        y: along * sin + across * cos,
        width: most[0] - least[0] + 1.0,
        height: most[1] - least[1] + 1.0,
        angle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 64;

    /// A map in which the places that `is_marked` picks are sure.
    fn map(is_marked: impl Fn(f32, f32) -> bool, likely: f32) -> Vec<f32> {
        let square = |at: usize| is_marked((at % SIDE) as f32 + 0.5, (at / SIDE) as f32 + 0.5);
        (0..SIDE * SIDE)
            .map(|at| if square(at) { likely } else { 0.0 })
            .collect()
    }

    fn lines(is_marked: impl Fn(f32, f32) -> bool) -> Vec<LineBox> {
        Map::new(&map(is_marked, 0.9), SIDE).lines(0.3)
    }

    #[test]
    fn a_line_is_larger_than_what_is_marked_of_it() {
        let [line] = lines(|x, y| (10.0..50.0).contains(&x) && (20.0..24.0).contains(&y))[..]
        else {
            panic!("one line");
        };
        assert_eq!((line.x, line.y, line.angle), (30.0, 22.0, 0.0));
        // 40 × 4 squares, and 160 × 1.6 / 44 more of each side.
        assert!(
            (line.width - 45.8).abs() < 0.1 && (line.height - 9.8).abs() < 0.1,
            "{line:?}"
        );
        let [left, top, right, bottom] = line.scaled(2.0).bounds();
        assert!((right - left - 91.6).abs() < 0.1 && (bottom - top - 19.6).abs() < 0.1);
    }

    #[test]
    fn a_tilted_line_has_its_angle() {
        let angle = 0.2_f32;
        let (sin, cos) = angle.sin_cos();
        let [line] = lines(|x, y| {
            let [along, across] = [
                (x - 32.0) * cos + (y - 32.0) * sin,
                (y - 32.0) * cos - (x - 32.0) * sin,
            ];
            along.abs() < 25.0 && across.abs() < 3.0
        })[..] else {
            panic!("one line");
        };
        assert!((line.angle - angle).abs() < 0.02, "{line:?}");
        assert!(
            (line.x - 32.0).abs() < 0.5 && (line.y - 32.0).abs() < 0.5,
            "{line:?}"
        );
        // By the axes it would be 28 high.
        assert!(line.height < 18.0, "{line:?}");
    }

    #[test]
    fn lines_that_do_not_touch_are_two_and_specks_are_none() {
        let two = lines(|x, y| {
            (10.0..50.0).contains(&x) && ((10.0..14.0).contains(&y) || (16.0..20.0).contains(&y))
        });
        assert_eq!(two.len(), 2);
        // At both edges of two rows: the end of one is not beside the start of the next.
        let edges = lines(|x, y| !(8.0..56.0).contains(&x) && (10.0..20.0).contains(&y));
        assert_eq!(edges.len(), 2);
        assert!(lines(|x, y| x < 3.0 && y < 3.0).is_empty(), "a speck");
        assert!(lines(|_, y| y < 2.0).is_empty(), "too thin");
        let unsure = map(|x, y| x < 40.0 && y < 10.0, 0.4);
        assert!(Map::new(&unsure, SIDE).lines(0.3).is_empty());
        assert!(Map::new(&[], SIDE).lines(0.3).is_empty());
    }

    #[test]
    fn a_single_sign_stands_upright() {
        let [sign] = lines(|x, y| {
            (x - y).abs() < 8.0 && (20.0..34.0).contains(&x) && (20.0..34.0).contains(&y)
        })[..] else {
            panic!("one sign");
        };
        assert_eq!(sign.angle, 0.0);
    }
}
