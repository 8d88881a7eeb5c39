//! A line's pixels, cut out of a tile and turned upright.

use super::LineBox;

/// A strip wider than this is of no letters.
const MOST_HEIGHTS_WIDE: usize = 128;
/// How often a pixel is looked at in each direction, where many become one.
const MOST_SAMPLES: usize = 8;

/// `[height, width, 3] u8`, RGB
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    rgb: &'a [u8],
    width: usize,
}

impl<'a> Tile<'a> {
    pub fn new(rgb: &'a [u8], width: usize) -> Self {
        Self { rgb, width }
    }

    fn height(&self) -> usize {
        self.rgb.len() / (3 * self.width).max(1)
    }

    /// Mixes the four pixels around a place. What lies outside is as the edge.
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let side = |place: f32, length: usize| {
            let most = length.saturating_sub(1);
            let place = (place - 0.5).clamp(0.0, most as f32);
            let first = place as usize;
            (first, (first + 1).min(most), place.fract())
        };
        let (left, right, across) = side(x, self.width);
        let (top, bottom, down) = side(y, self.height());
        let light = |x: usize, y: usize, channel: usize| {
            f32::from(self.rgb[3 * (y * self.width + x) + channel])
        };
        [0, 1, 2].map(|channel| {
            let upper =
                light(left, top, channel) * (1.0 - across) + light(right, top, channel) * across;
            let lower = light(left, bottom, channel) * (1.0 - across)
                + light(right, bottom, channel) * across;
            upper * (1.0 - down) + lower * down
        })
    }
}

/// A line of text as its reader wants it: `[height, width, 3] u8`, RGB.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub rgb: Vec<u8>,
    pub width: usize,
}

/// Cuts a line out, so high as its reader takes it.
pub fn cut_out(tile: Tile<'_>, line: &LineBox, height: usize) -> Strip {
    let shrunk = line.height / height as f32;
    let width = (line.width / shrunk).round() as usize;
    let width = width.clamp(1, MOST_HEIGHTS_WIDE * height);
    let samples = (shrunk.round() as usize).clamp(1, MOST_SAMPLES);
    let (sin, cos) = line.angle.sin_cos();
    let mut rgb = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for column in 0..width {
            let mut sum = [0.0_f32; 3];
            for sample in 0..samples * samples {
                let part = |number: usize| (number as f32 + 0.5) / samples as f32;
                let along = (column as f32 + part(sample % samples)) / width as f32 - 0.5;
                let across = (row as f32 + part(sample / samples)) / height as f32 - 0.5;
                let [along, across] = [along * line.width, across * line.height];
                let light = tile.at(
                    line.x + along * cos - across * sin,
                    line.y + along * sin + across * cos,
                );
                for channel in 0..3 {
                    sum[channel] += light[channel];
                }
            }
            rgb.extend(sum.map(|light| (light / (samples * samples) as f32).round() as u8));
        }
    }
    Strip { rgb, width }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 60;

    /// A dark bar on white, 30 × 6, that falls by `angle` through the middle; its right half is red.
    fn tile(angle: f32) -> Vec<u8> {
        let (sin, cos) = angle.sin_cos();
        let pixel = |at: usize| {
            let [x, y] = [at % SIDE, at / SIDE].map(|it| it as f32 + 0.5 - 30.0);
            let [along, across] = [x * cos + y * sin, y * cos - x * sin];
            match along.abs() < 15.0 && across.abs() < 3.0 {
                true if along > 0.0 => [200, 0, 0],
                true => [0, 0, 0],
                false => [255, 255, 255],
            }
        };
        (0..SIDE * SIDE).flat_map(pixel).collect()
    }

    fn bar(angle: f32) -> Strip {
        let place = LineBox {
            x: 30.0,
            y: 30.0,
            width: 30.0,
            height: 6.0,
            angle,
        };
        cut_out(Tile::new(&tile(angle), SIDE), &place, 12)
    }

    #[test]
    fn a_strip_is_as_high_as_was_asked_and_in_proportion() {
        let strip = bar(0.0);
        assert_eq!((strip.width, strip.rgb.len()), (60, 3 * 60 * 12));
        let middle = |x: usize| &strip.rgb[3 * (6 * 60 + x)..][..3];
        assert_eq!((middle(15), middle(45)), (&[0, 0, 0][..], &[200, 0, 0][..]));
    }

    #[test]
    fn a_tilted_line_comes_out_level() {
        let strip = bar(0.3);
        // White is nowhere but at the rim, where pixels are mixed.
        let inner = |at: usize| (2..10).contains(&(at / 60)) && (3..57).contains(&(at % 60));
        let whites = strip.rgb.chunks_exact(3).enumerate();
        let whites = whites
            .filter(|(at, pixel)| inner(*at) && pixel[1] > 100)
            .count();
        assert_eq!(whites, 0);
    }

    #[test]
    fn what_lies_outside_is_as_the_edge_and_no_strip_is_endless() {
        let place = LineBox {
            x: 0.0,
            y: 0.0,
            width: 4_000.0,
            height: 1.0,
            angle: 0.0,
        };
        let strip = cut_out(Tile::new(&tile(0.0), SIDE), &place, 4);
        assert_eq!(strip.width, MOST_HEIGHTS_WIDE * 4);
        assert!(strip.rgb.iter().all(|light| *light == 255));
    }
}
