//! Scores as honest as the model's manifest knows how to make them.

use std::{iter, sync::LazyLock};

use common::model::{Certainty, Manifest};

use super::{
    shares::{COUNT, score},
    taxonomy::{Taxonomy, TaxonomyError},
};

/// `p * ln p` of every share.
static SURPRISE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let of = |share: u16| {
        let score = score(share);
        if share == 0 { 0.0 } else { score * score.ln() }
    };
    (0..=u16::MAX).map(of).collect()
});

/// What the manifest says of how far the model's scores can be believed.
#[derive(Debug)]
pub struct Calibration {
    temperature: f32,
    /// Every share raised by the temperature; empty where that is 1. Most pictures want no other.
    raised: Vec<f32>,
    certainty: Option<Certainty>,
    /// Indices of the certainty rule's `wary` classes.
    wary: Vec<usize>,
}

impl Calibration {
    /// Scores are said as they are.
    pub const NONE: Self = Self {
        temperature: 1.0,
        raised: Vec::new(),
        certainty: None,
        wary: Vec::new(),
    };

    pub fn new(manifest: &Manifest, taxonomy: &Taxonomy) -> Result<Self, TaxonomyError> {
        let index = |name: &String| {
            let class = taxonomy
                .classes
                .iter()
                .position(|class| class.name == *name);
            class.ok_or_else(|| TaxonomyError::UnknownClass { name: name.clone() })
        };
        let wary = manifest
            .certainty
            .iter()
            .flat_map(|rule| &rule.wary)
            .map(index)
            .collect::<Result<_, _>>()?;
        Ok(Self::of(
            manifest.temperature,
            manifest.certainty.clone(),
            wary,
        ))
    }

    fn of(temperature: f32, certainty: Option<Certainty>, wary: Vec<usize>) -> Self {
        let raised = match temperature {
            1.0 => Vec::new(),
            _ => (0..=u16::MAX)
                .map(|share| score(share).powf(temperature.recip()))
                .collect(),
        };
        Self {
            temperature,
            raised,
            certainty,
            wary,
        }
    }

    /// Returns the scores of one picture, as they are to be said, of its classes' shares.
    pub fn believed(&self, shares: &[u16]) -> Believed {
        let Some(rule) = &self.certainty else {
            return Believed::plainly(self.tempered(shares, self.temperature));
        };
        let spread = entropy(shares);
        let plain = ((spread - rule.sharp_entropy) / (rule.plain_entropy - rule.sharp_entropy))
            .clamp(0.0, 1.0);
        let temperature = self.temperature + (1.0 - self.temperature) * plain;
        let mut scores = self.tempered(shares, temperature);
        if spread > rule.wary_entropy {
            for class in &self.wary {
                scores[*class] = scores[*class].min(rule.ceiling);
            }
        }
        Believed {
            scores,
            most: if spread > rule.blank_entropy {
                rule.ceiling
            } else {
                1.0
            },
        }
    }

    /// Returns `p^(1/temperature)`, as shares of their sum.
    fn tempered(&self, shares: &[u16], temperature: f32) -> Vec<f32> {
        if temperature == 1.0 {
            return shares.iter().map(|share| score(*share)).collect();
        }
        let mut scores = if temperature == self.temperature {
            shares
                .iter()
                .map(|share| self.raised[usize::from(*share)])
                .collect()
        } else {
            raised(shares, temperature.recip())
        };
        let sum: f32 = scores.iter().sum();
        if sum > 0.0 {
            scores.iter_mut().for_each(|score| *score /= sum);
        }
        scores
    }
}

/// Returns each score to that power. Few shares are above the first ones, and those come again and again.
fn raised(shares: &[u16], power: f32) -> Vec<f32> {
    const REMEMBERED: usize = 256;
    let mut known = [f32::NAN; REMEMBERED];
    let mut raise = |share: u16| {
        let Some(known) = known.get_mut(usize::from(share)) else {
            return score(share).powf(power);
        };
        if known.is_nan() {
            *known = score(share).powf(power);
        }
        *known
    };
    shares.iter().map(|share| raise(*share)).collect()
}

/// What can be said of one picture.
#[derive(Debug, PartialEq)]
pub struct Believed {
    pub scores: Vec<f32>,
    /// No tag is surer than this, whatever its children sum up to.
    pub most: f32,
}

impl Believed {
    /// Says the scores as they are.
    pub fn plainly(scores: impl Into<Vec<f32>>) -> Self {
        Self {
            scores: scores.into(),
            most: 1.0,
        }
    }
}

/// Returns how far the scores spread, in nats.
fn entropy(shares: &[u16]) -> f32 {
    let surprise: &[f32; COUNT] = SURPRISE.as_slice().try_into().expect("one of each share");
    // Several sums at once, which do not wait for each other.
    let mut sums = [0.0_f32; 4];
    for part in shares.chunks(sums.len()) {
        for (sum, share) in iter::zip(&mut sums, part) {
            *sum += surprise[usize::from(*share)];
        }
    }
    -sums.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::shares;

    const SURE: [f32; 4] = [0.9, 0.09, 0.01, 0.0];
    const UNSURE: [f32; 4] = [0.4, 0.3, 0.2, 0.1];
    /// Half a step of what scores are rounded to, and what is made of it.
    const ROUNDING: f32 = 2e-5;

    /// The class 0 is a wary one.
    fn ruled(sharp_entropy: f32, plain_entropy: f32, wary_entropy: f32) -> Calibration {
        let rule = Certainty {
            sharp_entropy,
            plain_entropy,
            wary_entropy,
            blank_entropy: 1.3,
            ceiling: 0.25,
            wary: Vec::new(),
        };
        Calibration::of(0.5, Some(rule), vec![0])
    }

    fn said(calibration: &Calibration, scores: &[f32]) -> Vec<f32> {
        calibration.believed(&shares(scores)).scores
    }

    fn tempered(scores: &[f32], temperature: f32) -> Vec<f32> {
        said(&Calibration::of(temperature, None, Vec::new()), scores)
    }

    fn assert_close(said: &[f32], expected: &[f32]) {
        let is_close = |(a, b): (&f32, &f32)| (a - b).abs() < ROUNDING;
        assert_eq!(said.len(), expected.len());
        assert!(
            said.iter().zip(expected).all(is_close),
            "{said:?} for {expected:?}"
        );
    }

    #[test]
    fn a_temperature_moves_certainty_and_keeps_sum_and_order() {
        let surer = tempered(&SURE, 0.5);
        let humbler = tempered(&SURE, 2.0);
        for tempered in [&surer, &humbler] {
            assert!((tempered.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(tempered.windows(2).all(|pair| pair[0] > pair[1]));
        }
        assert!(surer[0] > 0.98 && humbler[0] < 0.72);
        assert_close(&tempered(&SURE, 1.0), &SURE);
        assert_eq!(tempered(&[0.0, 0.0], 2.0), [0.0, 0.0]);
    }

    #[test]
    fn what_is_looked_up_is_what_would_be_reckoned() {
        let all: Vec<u16> = (0..=u16::MAX).rev().step_by(7).collect();
        let looked_up = &Calibration::of(0.75, None, Vec::new()).raised;
        for (share, raised) in all.iter().zip(raised(&all, 0.75_f32.recip())) {
            assert_eq!(raised, looked_up[usize::from(*share)], "{share}");
        }
    }

    #[test]
    fn the_more_the_scores_spread_the_less_the_temperature_does() {
        let spread = entropy(&shares(&UNSURE));
        assert!((spread - 1.2799).abs() < 1e-3 && entropy(&shares(&SURE)) < 0.4);
        let best = |calibration: &Calibration| said(calibration, &UNSURE)[0];
        let full = tempered(&UNSURE, 0.5)[0];
        let none = tempered(&UNSURE, 1.0)[0];
        assert_eq!(best(&ruled(2.0, 3.0, 9.0)), full);
        assert_eq!(best(&ruled(0.5, 1.0, 9.0)), none);
        assert_close(
            &[best(&ruled(spread - 0.5, spread + 0.5, 9.0))],
            &[tempered(&UNSURE, 0.75)[0]],
        );
    }

    #[test]
    fn wary_classes_say_little_of_a_picture_that_could_be_anything() {
        let wary = ruled(0.5, 1.0, 1.0);
        assert_close(&said(&wary, &UNSURE), &[0.25, 0.3, 0.2, 0.1]);
        assert_eq!(said(&wary, &SURE)[0], tempered(&SURE, 0.5)[0]);
    }

    #[test]
    fn a_picture_of_nothing_has_no_sure_tag() {
        let rule = ruled(0.5, 1.0, 9.0);
        assert_eq!(rule.believed(&shares(&UNSURE)).most, 1.0);
        assert_eq!(rule.believed(&shares(&[0.25; 4])).most, 0.25);
    }

    /// The vectors of models/test_certainty.py.
    #[test]
    fn the_rule_is_the_one_that_was_calibrated() {
        let rule = Certainty {
            sharp_entropy: 0.7,
            plain_entropy: 0.9,
            wary_entropy: 0.7,
            blank_entropy: 1.08,
            ceiling: 0.3,
            wary: vec!["website".into()],
        };
        let rule = Calibration::of(0.5, Some(rule), vec![2]);
        let close = |scores: &[f32], expected: &[f32]| {
            assert_close(&said(&rule, scores), expected);
        };
        close(&[0.8, 0.2, 0.0], &[0.64 / 0.68, 0.04 / 0.68, 0.0]);
        close(&[0.4, 0.4, 0.2], &[0.4, 0.4, 0.2]);
        close(&[0.2, 0.3, 0.5], &[0.2, 0.3, 0.3]);
        assert_eq!(rule.believed(&shares(&[0.36, 0.33, 0.31])).most, 0.3);
        assert!(said(&rule, &[0.05, 0.0, 0.95])[2] > 0.95);
    }
}
