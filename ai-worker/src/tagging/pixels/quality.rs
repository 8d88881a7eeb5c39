//! How light, how rich in contrast and how sharp a picture is, as small as its model sees it.

use common::wire::Quality;

/// A picture whose edges are so strong on the average is as sharp as can be told.
const SHARPEST: f32 = 64.0;

/// `rgb`: `[height, width, 3] u8`.
pub fn quality(rgb: &[u8], width: usize) -> Quality {
    let grey: Vec<f32> = rgb
        .chunks_exact(3)
        .map(|light| {
            0.299 * f32::from(light[0]) + 0.587 * f32::from(light[1]) + 0.114 * f32::from(light[2])
        })
        .collect();
    let (mean, deviation) = spread(grey.iter().copied());
    let (_, of_edges) = spread(edges(&grey, width));
    Quality {
        brightness: mean / 255.0,
        contrast: deviation / 127.5,
        sharpness: (of_edges / SHARPEST).min(1.0),
    }
}

/// By how much each pixel differs from its four neighbours together.
fn edges(grey: &[f32], width: usize) -> impl Iterator<Item = f32> {
    let height = grey.len().checked_div(width).unwrap_or_default();
    let inner = move |length: usize| 1..length.saturating_sub(1);
    inner(height).flat_map(move |y| {
        inner(width).map(move |x| {
            let at = y * width + x;
            let around = grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width];
            4.0 * grey[at] - around
        })
    })
}

/// Returns mean and standard deviation.
fn spread(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let mut count = 0.0;
    let mut sum = 0.0;
    let mut squares = 0.0;
    for value in values {
        count += 1.0;
        sum += f64::from(value);
        squares += f64::from(value) * f64::from(value);
    }
    if count == 0.0 {
        return (0.0, 0.0);
    }
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    (mean as f32, variance.sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 32;

    fn of(grey: impl Fn(usize, usize) -> u8) -> Quality {
        let pixels = (0..SIDE * SIDE).flat_map(|at| [grey(at % SIDE, at / SIDE); 3]);
        quality(&pixels.collect::<Vec<_>>(), SIDE)
    }

    #[test]
    fn a_hard_edge_is_sharper_than_a_soft_one() {
        let hard = of(|x, _| if x < SIDE / 2 { 20 } else { 220 });
        let soft = of(|x, _| (20 + 200 * x / SIDE) as u8);
        assert!(hard.sharpness > 10.0 * soft.sharpness, "{hard:?} {soft:?}");
        assert!(hard.contrast > soft.contrast);
    }

    #[test]
    fn light_and_dark_are_told_apart() {
        let plain = |grey| of(move |_, _| grey);
        let dark = plain(0);
        let light = plain(255);
        assert_eq!(
            (dark.brightness, dark.contrast, dark.sharpness),
            (0.0, 0.0, 0.0)
        );
        assert!((light.brightness - 1.0).abs() < 1e-3, "{light:?}");
        let nothing = quality(&[], 0);
        assert_eq!(nothing.brightness, 0.0);
    }
}
