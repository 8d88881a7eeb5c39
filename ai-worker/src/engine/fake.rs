//! No model: runs that take a given time and use no processor, for measuring
//! everything around the model. It is called `fake` wherever it shows.

mod flaws;

use std::{str::FromStr, thread, time::Duration};

use super::{Engine, EngineError};
use flaws::{Black, Flaws};

/// Scores of the class that a picture is said to be, and of the others.
const SURE: f32 = 0.7;
pub const CLASSES: usize = 4;

/// What a run takes: `service_ms`, and `image_ms` for each image in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub service: Duration,
    pub image: Duration,
}

impl Cost {
    pub fn of(self, images: usize) -> Duration {
        self.service + self.image * images as u32
    }
}

/// What is made up: the time of a run, and on request that tiles were decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pretence {
    pub cost: Cost,
    /// Otherwise a tile's bytes are taken for its pixels.
    pub decodes: bool,
    flaws: Flaws,
}

impl Pretence {
    const PLAIN: Self = Self {
        cost: Cost {
            service: Duration::ZERO,
            image: Duration::ZERO,
        },
        decodes: true,
        flaws: Flaws {
            most_images: None,
            black: None,
        },
    };

    /// Returns an engine that pretends so.
    pub fn engine(self) -> Fake {
        Fake {
            cost: self.cost,
            flaws: self.flaws,
        }
    }

    /// Returns the device's name where it shows: nobody shall take a figure for a real one.
    pub fn name(self) -> &'static str {
        if self.decodes {
            "fake"
        } else {
            "fake, tiles not decoded"
        }
    }
}

/// What runs the models.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Onnx,
    Fake(Pretence),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of onnx, fake and fake:service_ms=8,image_ms=0.2,decode=off")]
pub struct UnknownEngine(String);

impl FromStr for Kind {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        let unknown = || UnknownEngine(text.to_owned());
        let settings = match text.split_once(':') {
            None if text == "onnx" => return Ok(Kind::Onnx),
            None if text == "fake" => return Ok(Kind::Fake(Pretence::PLAIN)),
            Some(("fake", settings)) => settings,
            _ => return Err(unknown()),
        };
        let mut pretence = Pretence::PLAIN;
        for setting in settings.split(',') {
            let (name, value) = setting.split_once('=').ok_or_else(unknown)?;
            match name {
                "service_ms" => pretence.cost.service = time(value).ok_or_else(unknown)?,
                "image_ms" => pretence.cost.image = time(value).ok_or_else(unknown)?,
                "decode" if value == "off" => pretence.decodes = false,
                "most_images" => {
                    pretence.flaws.most_images = Some(value.parse().map_err(|_| unknown())?);
                }
                "black" => pretence.flaws.black = Some(Black::parse(value).ok_or_else(unknown)?),
                _ => return Err(unknown()),
            }
        }
        Ok(Kind::Fake(pretence))
    }
}

fn time(ms: &str) -> Option<Duration> {
    let ms = ms
        .parse()
        .ok()
        .filter(|ms: &f64| (0.0..=600_000.0).contains(ms))?;
    Some(Duration::from_secs_f64(ms / 1e3))
}

#[derive(Debug)]
pub struct Fake {
    cost: Cost,
    flaws: Flaws,
}

impl Engine for Fake {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        self.flaws.meet(images)?;
        thread::sleep(self.cost.of(images.len()));
        Ok(images.iter().flat_map(|image| scores(image)).collect())
    }
}

/// Returns different scores for different pictures, and always the same for the same one.
fn scores(image: &[u8]) -> [f32; CLASSES] {
    let light: usize = image
        .iter()
        .step_by(997)
        .map(|value| usize::from(*value))
        .sum();
    let mut scores = [(1.0 - SURE) / (CLASSES - 1) as f32; CLASSES];
    scores[light % CLASSES] = SURE;
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_nonsense_is_refused() {
        let ms = Duration::from_millis;
        let cost = Cost {
            service: ms(8),
            image: ms(2),
        };
        let fake = |cost, decodes| {
            Ok(Kind::Fake(Pretence {
                cost,
                decodes,
                ..Pretence::PLAIN
            }))
        };
        assert_eq!("fake:service_ms=8,image_ms=2".parse(), fake(cost, true));
        assert_eq!(
            "fake:service_ms=8,image_ms=2,decode=off".parse(),
            fake(cost, false)
        );
        assert_eq!("fake".parse(), fake(Cost::default(), true));
        assert_eq!("onnx".parse(), Ok(Kind::Onnx));
        for wrong in [
            "",
            "fake:",
            "fake:service_ms",
            "fake:service_ms=-1",
            "fake:speed=9",
            "fake:decode=on",
            "fake:black=sing",
            "fake:most_images=few",
            "onnx:service_ms=1",
            "Fake",
        ] {
            assert!(wrong.parse::<Kind>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_run_takes_its_time_and_scores_every_image() {
        let cost = Cost {
            service: Duration::from_millis(5),
            image: Duration::from_millis(2),
        };
        let dark = vec![0; 3000];
        let light = vec![1; 3000];
        let begun = std::time::Instant::now();
        let pretence = Pretence {
            cost,
            ..Pretence::PLAIN
        };
        let scores = pretence
            .engine()
            .infer(&[&dark, &light])
            .expect("it never fails");
        assert!(begun.elapsed() >= cost.of(2));
        assert_eq!(cost.of(2), Duration::from_millis(9));
        assert_eq!(scores.len(), 2 * CLASSES);
        assert!((scores.iter().sum::<f32>() - 2.0).abs() < 1e-6);
    }
}
