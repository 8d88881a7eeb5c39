//! What goes wrong with a fake engine, for tests of what is around it.

use std::{process, thread};

use super::super::EngineError;

/// Samples of a black picture add up to no more: JPEG makes black nearly black.
const BLACK: u8 = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flaws {
    /// More images in one run are too many for its memory.
    pub most_images: Option<usize>,
    /// What a black picture does to it.
    pub black: Option<Black>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Black {
    /// The process ends, as by a bug in the engine's own code.
    Aborts,
    /// The run never comes back.
    Hangs,
}

impl Black {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "abort" => Some(Self::Aborts),
            "hang" => Some(Self::Hangs),
            _ => None,
        }
    }
}

impl Flaws {
    /// Does what is wrong with the engine, before it runs these images.
    pub fn meet(self, images: &[&[u8]]) -> Result<(), EngineError> {
        if self.most_images.is_some_and(|most| images.len() > most) {
            let told = format!("a fake engine has no room for {} images", images.len());
            return Err(EngineError::OutOfMemory(told));
        }
        match self
            .black
            .filter(|_| images.iter().any(|image| is_black(image)))
        {
            None => Ok(()),
            Some(Black::Aborts) => process::abort(),
            Some(Black::Hangs) => loop {
                thread::park();
            },
        }
    }
}

fn is_black(image: &[u8]) -> bool {
    image.iter().step_by(997).all(|value| *value <= BLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_images_than_fit_are_out_of_memory() {
        let flaws = Flaws {
            most_images: Some(1),
            black: None,
        };
        assert_eq!(flaws.meet(&[&[0]]), Ok(()));
        let refused = flaws.meet(&[&[0], &[0]]);
        assert!(matches!(refused, Err(EngineError::OutOfMemory(_))));
    }

    #[test]
    fn black_is_told_from_dark() {
        assert!(is_black(&[3; 3_000]));
        assert!(!is_black(&[20; 3_000]));
    }
}
