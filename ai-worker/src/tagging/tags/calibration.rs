//! Scores as honest as the model's manifest knows how to make them.

use std::borrow::Cow;

use common::model::{Certainty, Manifest};

use super::taxonomy::{Taxonomy, TaxonomyError};

/// What the manifest says of how far the model's scores can be believed.
#[derive(Debug)]
pub struct Calibration {
    temperature: f32,
    certainty: Option<Certainty>,
    /// Indices of the certainty rule's `wary` classes.
    wary: Vec<usize>,
}

impl Calibration {
    /// Scores are said as they are.
    pub const NONE: Self = Self {
        temperature: 1.0,
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
        Ok(Self {
            temperature: manifest.temperature,
            certainty: manifest.certainty.clone(),
            wary,
        })
    }

    /// Returns the scores of one picture, as they are to be said.
    pub fn believed<'a>(&self, scores: &'a [f32]) -> Believed<'a> {
        let Some(rule) = &self.certainty else {
            return Believed::plainly(tempered(scores, self.temperature));
        };
        let spread = entropy(scores);
        let plain = ((spread - rule.sharp_entropy) / (rule.plain_entropy - rule.sharp_entropy))
            .clamp(0.0, 1.0);
        let mut scores = tempered(scores, self.temperature + (1.0 - self.temperature) * plain);
        if spread > rule.wary_entropy {
            let scores = scores.to_mut();
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
}

/// What can be said of one picture.
#[derive(Debug, PartialEq)]
pub struct Believed<'a> {
    pub scores: Cow<'a, [f32]>,
    /// No tag is surer than this, whatever its children sum up to.
    pub most: f32,
}

impl<'a> Believed<'a> {
    /// Says the scores as they are.
    pub fn plainly(scores: impl Into<Cow<'a, [f32]>>) -> Self {
        Self {
            scores: scores.into(),
            most: 1.0,
        }
    }
}

/// Returns `p^(1/temperature)`, as shares of their sum.
fn tempered(scores: &[f32], temperature: f32) -> Cow<'_, [f32]> {
    if temperature == 1.0 {
        return Cow::Borrowed(scores);
    }
    let raised: Vec<f32> = scores
        .iter()
        .map(|score| score.powf(temperature.recip()))
        .collect();
    let sum: f32 = raised.iter().sum();
    if sum > 0.0 {
        raised.iter().map(|score| score / sum).collect()
    } else {
        Cow::Borrowed(scores)
    }
}

/// Returns how far the scores spread, in nats.
fn entropy(scores: &[f32]) -> f32 {
    -scores
        .iter()
        .filter(|score| **score > 0.0)
        .map(|score| score * score.ln())
        .sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SURE: [f32; 4] = [0.9, 0.09, 0.01, 0.0];
    const UNSURE: [f32; 4] = [0.4, 0.3, 0.2, 0.1];

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
        Calibration {
            temperature: 0.5,
            certainty: Some(rule),
            wary: vec![0],
        }
    }

    fn said(calibration: &Calibration, scores: &[f32]) -> Vec<f32> {
        calibration.believed(scores).scores.into_owned()
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
        assert_eq!(*tempered(&SURE, 1.0), SURE);
        assert_eq!(*tempered(&[0.0, 0.0], 2.0), [0.0, 0.0]);
    }

    #[test]
    fn the_more_the_scores_spread_the_less_the_temperature_does() {
        let spread = entropy(&UNSURE);
        assert!((spread - 1.2799).abs() < 1e-3 && entropy(&SURE) < 0.4);
        let best = |calibration: &Calibration| said(calibration, &UNSURE)[0];
        let full = tempered(&UNSURE, 0.5)[0];
        let none = UNSURE[0];
        assert_eq!(best(&ruled(2.0, 3.0, 9.0)), full);
        assert_eq!(best(&ruled(0.5, 1.0, 9.0)), none);
        assert_eq!(
            best(&ruled(spread - 0.5, spread + 0.5, 9.0)),
            tempered(&UNSURE, 0.75)[0]
        );
    }

    #[test]
    fn wary_classes_say_little_of_a_picture_that_could_be_anything() {
        let wary = ruled(0.5, 1.0, 1.0);
        assert_eq!(said(&wary, &UNSURE), [0.25, 0.3, 0.2, 0.1]);
        assert_eq!(said(&wary, &SURE)[0], tempered(&SURE, 0.5)[0]);
    }

    #[test]
    fn a_picture_of_nothing_has_no_sure_tag() {
        let rule = ruled(0.5, 1.0, 9.0);
        assert_eq!(rule.believed(&UNSURE).most, 1.0);
        assert_eq!(rule.believed(&[0.25; 4]).most, 0.25);
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
        let rule = Calibration {
            temperature: 0.5,
            certainty: Some(rule),
            wary: vec![2],
        };
        let close = |scores: &[f32], expected: &[f32]| {
            let said = said(&rule, scores);
            assert!(
                said.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
                "{said:?} for {expected:?}"
            );
        };
        close(&[0.8, 0.2, 0.0], &[0.64 / 0.68, 0.04 / 0.68, 0.0]);
        close(&[0.4, 0.4, 0.2], &[0.4, 0.4, 0.2]);
        close(&[0.2, 0.3, 0.5], &[0.2, 0.3, 0.3]);
        assert_eq!(rule.believed(&[0.36, 0.33, 0.31]).most, 0.3);
        assert!(said(&rule, &[0.05, 0.0, 0.95])[2] > 0.95);
    }
}
