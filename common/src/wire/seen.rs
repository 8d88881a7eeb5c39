//! What the models beside a tagger are asked, and what they see.

use std::iter;

use serde::{Deserialize, Serialize};

use super::{Embedding, Features, Job, ModelId, ModelInfo};
use crate::{
    image::{Part, Tile},
    model::{ModelKind, Subject, TileSpec},
};

/// A model that looks at a job's picture as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuxiliaryTile {
    pub model: String,
    #[serde(default = "people")]
    pub looks_for: Subject,
    /// JPEG of that model's input size.
    #[serde(with = "serde_bytes")]
    pub tile: Vec<u8>,
    /// What of the picture is in the tile.
    #[serde(default)]
    pub shown: Part,
}

/// An API server of before asked for nothing else.
fn people() -> Subject {
    Subject::People
}

impl AuxiliaryTile {
    /// Returns the tiles that models want: `own`'s, and those of the ones beside it. Readers of lines want none.
    pub fn tiles(own: &ModelInfo, beside: &[ModelInfo]) -> Vec<TileSpec> {
        let beside = beside.iter().filter(|model| is_shown_pictures(model));
        iter::once(own)
            .chain(beside)
            .map(|model| model.tile)
            .collect()
    }

    /// Puts models beside a tagger and their tiles together, which are in the same order.
    pub fn all(models: Vec<ModelInfo>, tiles: Vec<Tile>) -> Vec<Self> {
        let models = models.into_iter().filter(is_shown_pictures);
        let pairs = models.zip(tiles);
        pairs
            .map(|(model, tile)| Self {
                looks_for: model.looks_for.unwrap_or_else(people),
                model: model.id.name,
                tile: tile.jpeg,
                shown: tile.shown,
            })
            .collect()
    }
}

fn is_shown_pictures(model: &ModelInfo) -> bool {
    model.kind != ModelKind::Text
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<People>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safety: Option<Grades>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Grades>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Those that there is most of first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colors: Option<Vec<Color>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Embedding>,
    /// What was asked for and no model has told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The people in a picture, or their faces. That there are some and where, not who.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct People {
    pub model: ModelId,
    /// The surest first.
    pub regions: Vec<Region>,
}

/// How much a picture is of each of a model's kinds, whatever is enough to be told as a tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grades {
    pub model: ModelId,
    pub grades: Vec<Grade>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    pub id: String,
    pub score: f32,
}

/// What the lines of text in a picture say. It is data: no caption, tag or prompt is made of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Those who read them; none where there was nothing to read.
    pub readers: Vec<ModelId>,
    /// From the top to the bottom, and in a row from the left to the right.
    pub lines: Vec<Line>,
    /// Whether there was more than is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Whether the time was over before all was read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub text: String,
    /// Where it is, and how sure its reader is of its symbols on the average.
    pub region: Region,
}

/// A colour that is on a part of the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Color {
    /// The English name.
    pub id: String,
    /// In the language of the job.
    pub name: String,
    /// On how much of the picture it is, 0 to 1.
    pub share: f32,
    /// The mean of its pixels.
    pub rgb: [u8; 3],
}

/// Each from 0 to 1, of the picture as small as its model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub brightness: f32,
    pub contrast: f32,
    pub sharpness: f32,
}

/// A part of the picture, each side in parts of the picture's: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
    pub confidence: f32,
}

impl Region {
    /// Returns whether the middle of `other` lies in it.
    pub fn holds(&self, other: &Region) -> bool {
        let across = other.left + other.width / 2.0 - self.left;
        let down = other.top + other.height / 2.0 - self.top;
        (0.0..=self.width).contains(&across) && (0.0..=self.height).contains(&down)
    }
}

impl Seen {
    /// Adds what another model saw, where that is not seen yet.
    pub fn join(&mut self, other: Self) {
        self.people = self.people.take().or(other.people);
        self.faces = self.faces.take().or(other.faces);
        self.safety = self.safety.take().or(other.safety);
        self.text = self.text.take().or(other.text);
        self.reading = self.reading.take().or(other.reading);
        self.colors = self.colors.take().or(other.colors);
        self.quality = self.quality.or(other.quality);
        self.embedding = self.embedding.take().or(other.embedding);
    }

    fn has_read_all(&self) -> bool {
        self.reading.as_ref().is_some_and(|reading| !reading.late)
    }

    /// Returns how many people there are of at least that confidence. A face within a body is of the same person, and a body has
    /// one face.
    pub fn head_count(&self, least: f32) -> usize {
        let sure = |found: &Option<People>| -> Vec<Region> {
            let regions = found.iter().flat_map(|found| &found.regions);
            let regions = regions.filter(|region| region.confidence >= least);
            regions.copied().collect()
        };
        let bodies = sure(&self.people);
        let mut without_face = bodies.clone();
        let mut alone = 0;
        for face in sure(&self.faces) {
            let of_body = without_face.iter().position(|body| body.holds(&face));
            match of_body {
                Some(body) => {
                    without_face.swap_remove(body);
                }
                None => alone += 1,
            }
        }
        bodies.len() + alone
    }

    /// Notes what was asked for and is not there: its model is not at that worker, has failed, or was late.
    pub fn note_missing(&mut self, job: &Job) {
        let Features {
            people,
            safety,
            text,
            reading,
            colors,
            quality,
            embedding,
            tags: _,
            caption: _,
            exif: _,
            scores: _,
        } = job.features;
        let faces = job.also.iter().any(|also| also.looks_for == Subject::Faces);
        for (is_asked, is_told, name) in [
            (people, self.people.is_some(), "people"),
            (faces, self.faces.is_some(), "faces"),
            (safety, self.safety.is_some(), "safety"),
            (text, self.text.is_some(), "text"),
            (reading, self.has_read_all(), "reading"),
            (colors, self.colors.is_some(), "colors"),
            (quality, self.quality.is_some(), "quality"),
            (embedding, self.embedding.is_some(), "embedding"),
        ] {
            if is_asked && !is_told {
                self.missing.push(name.to_owned());
            }
        }
    }
}

/// Returns whether a message can leave it out.
pub(super) fn is_nothing(seen: &Seen) -> bool {
    *seen == Seen::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(left: f32, width: f32, confidence: f32) -> Region {
        Region {
            left,
            top: 0.0,
            width,
            height: 1.0,
            confidence,
        }
    }

    fn found(regions: Vec<Region>) -> Option<People> {
        let model = ModelId {
            name: "detector".into(),
            version: "1".into(),
        };
        Some(People { model, regions })
    }

    #[test]
    fn a_face_within_a_body_is_no_further_person() {
        let body = region(0.0, 0.4, 0.9);
        let own = region(0.1, 0.1, 0.9);
        let neighbour = region(0.25, 0.1, 0.8);
        let elsewhere = region(0.7, 0.1, 0.6);
        let seen = |faces: Vec<Region>| Seen {
            people: found(vec![body]),
            faces: found(faces),
            ..Seen::default()
        };
        assert_eq!(seen(vec![]).head_count(0.5), 1);
        assert_eq!(seen(vec![own]).head_count(0.5), 1);
        // A crowd's bodies are one box.
        assert_eq!(seen(vec![own, neighbour]).head_count(0.5), 2);
        assert_eq!(seen(vec![own, elsewhere]).head_count(0.5), 2);
        assert_eq!(seen(vec![own, elsewhere]).head_count(0.7), 1);
        assert_eq!(Seen::default().head_count(0.0), 0);
    }
}
