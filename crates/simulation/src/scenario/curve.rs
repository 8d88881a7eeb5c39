//! What a run of the engine takes, by the size of its batch.

use serde::{Deserialize, Serialize};

/// Points of a batch's size and seconds, the smallest first. Between two of them it goes straight, and behind the last one as
/// between the last two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Curve {
    points: Vec<(f64, f64)>,
}

impl Curve {
    pub fn new(points: Vec<(f64, f64)>) -> Self {
        Self { points }
    }

    /// `fixed_s` for a run, and `image_s` for each image in it.
    pub fn linear(fixed_s: f64, image_s: f64) -> Self {
        Self::new(vec![(0.0, fixed_s), (1.0, fixed_s + image_s)])
    }

    /// Returns how many points there are.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    pub fn seconds(&self, images: usize) -> f64 {
        let n = images as f64;
        let [.., before, last] = self.points[..] else {
            return self.points.first().map_or(0.0, |(_, seconds)| *seconds);
        };
        if n >= last.0 {
            return along(before, last, n);
        }
        let above = self.points.iter().position(|(at, _)| *at >= n);
        match above {
            None | Some(0) => self.points[0].1,
            Some(above) => along(self.points[above - 1], self.points[above], n),
        }
    }

    /// Returns the highest images a second of one engine, whatever the batch up to `most`.
    pub fn images_per_s(&self, most: usize) -> f64 {
        let rate = |n: usize| n as f64 / self.seconds(n);
        (1..=most).map(rate).fold(0.0, f64::max)
    }

    /// Returns the same for a device that is so many times as slow.
    pub fn slower(&self, times: f64) -> Self {
        let points = self.points.iter().map(|(n, s)| (*n, s * times));
        Self::new(points.collect())
    }
}

fn along(from: (f64, f64), to: (f64, f64), n: f64) -> f64 {
    from.1 + (to.1 - from.1) * (n - from.0) / (to.0 - from.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_straight_from_point_to_point_and_on() {
        let curve = Curve::new(vec![(1.0, 0.002), (8.0, 0.009), (16.0, 0.021)]);
        for (n, ms) in [(1, 2.0), (4, 5.0), (8, 9.0), (12, 15.0), (32, 45.0)] {
            assert!((curve.seconds(n) * 1e3 - ms).abs() < 1e-9, "{n}");
        }
        assert!((Curve::linear(0.02, 0.002).seconds(10) - 0.04).abs() < 1e-12);
        assert!((curve.images_per_s(8) - 8.0 / 0.009).abs() < 1e-6);
        assert!((curve.slower(3.0).seconds(8) - 0.027).abs() < 1e-12);
    }
}
