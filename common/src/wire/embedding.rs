//! A picture as numbers: pictures that look alike have numbers that are near each other.

use half::f16;
use serde::{Deserialize, Serialize};

use super::ModelId;

/// A vector of length 1, so that a product of two is the cosine of the angle between them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    pub model: ModelId,
    /// Each number in half precision, the lower byte first.
    #[serde(with = "serde_bytes")]
    pub halves: Vec<u8>,
}

impl Embedding {
    /// Makes the vector of what a graph tells of a picture. Nothing has a direction where all numbers are 0, or one is none.
    pub fn of(model: ModelId, features: &[f32]) -> Option<Self> {
        let squares: f64 = features.iter().map(|x| f64::from(*x).powi(2)).sum();
        let length = squares.sqrt();
        if !(length > 0.0 && length.is_finite()) {
            return None;
        }
        let scaled = features.iter().map(|x| (f64::from(*x) / length) as f32);
        let halves = scaled
            .flat_map(|x| f16::from_f32(x).to_le_bytes())
            .collect();
        Some(Self { model, halves })
    }

    pub fn dimension(&self) -> usize {
        self.halves.len() / size_of::<f16>()
    }

    pub fn values(&self) -> impl Iterator<Item = f32> {
        let halves = self.halves.chunks_exact(size_of::<f16>());
        halves.map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> ModelId {
        ModelId {
            name: "tagger".into(),
            version: "1".into(),
        }
    }

    #[test]
    fn it_has_length_one_and_the_direction_of_the_features() {
        let embedding = Embedding::of(model(), &[3.0, 0.0, 4.0]).expect("a direction");
        let values: Vec<f32> = embedding.values().collect();
        assert_eq!(embedding.dimension(), 3);
        for (value, expected) in values.iter().zip([0.6, 0.0, 0.8]) {
            assert!((value - expected).abs() < 1e-3, "{values:?}");
        }
    }

    #[test]
    fn what_has_no_direction_has_no_embedding() {
        assert_eq!(Embedding::of(model(), &[0.0, 0.0]), None);
        assert_eq!(Embedding::of(model(), &[1.0, f32::NAN]), None);
        assert_eq!(Embedding::of(model(), &[]), None);
    }
}
