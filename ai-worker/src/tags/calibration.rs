//! Scores as honest as the model's manifest knows how to make them.

use std::borrow::Cow;

use common::model::{Kind, Manifest};

/// What the manifest says of how far the model's scores can be believed.
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    temperature: f32,
    /// See `common::model::Certainty`.
    pub min_top: f32,
}

impl Calibration {
    pub fn of(manifest: &Manifest) -> Self {
        // A sigmoid's scores do not share one sum that could be spread anew.
        let temperature = if manifest.kind == Kind::Softmax { manifest.temperature } else { 1.0 };
        Self { temperature, min_top: manifest.certainty.min_top }
    }

    /// `p^(1/temperature)`, as shares of their sum.
    pub fn temper<'a>(&self, scores: &'a [f32]) -> Cow<'a, [f32]> {
        if self.temperature == 1.0 {
            return Cow::Borrowed(scores);
        }
        let power = self.temperature.recip();
        let raised: Vec<f32> = scores.iter().map(|score| score.powf(power)).collect();
        let sum: f32 = raised.iter().sum();
        if sum > 0.0 { raised.iter().map(|score| score / sum).collect() } else { Cow::Borrowed(scores) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tempered(temperature: f32, scores: &[f32]) -> Vec<f32> {
        Calibration { temperature, min_top: 0.0 }.temper(scores).into_owned()
    }

    #[test]
    fn a_temperature_moves_certainty_and_keeps_sum_and_order() {
        let scores = [0.9, 0.09, 0.01, 0.0];
        let (cooler, warmer) = (tempered(0.5, &scores), tempered(2.0, &scores));
        for tempered in [&cooler, &warmer] {
            assert!((tempered.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(tempered.windows(2).all(|pair| pair[0] > pair[1]));
        }
        assert!(cooler[0] > 0.98 && warmer[0] < 0.72);
        assert_eq!(tempered(1.0, &scores), scores);
        assert_eq!(tempered(2.0, &[0.0, 0.0]), [0.0, 0.0]);
    }
}
