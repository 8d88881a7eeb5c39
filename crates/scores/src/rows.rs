//! Rows of a table in memory, column by column.

use std::str;

use common::wire::{ModelId, Scores};
use parquet::data_type::ByteArray;

use crate::TableError;

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// Its place in the batch, from 0.
    pub place: u64,
    /// Its row in the list, from 1.
    pub line: u64,
    pub custom_id: &'a str,
    pub url: &'a str,
    /// What was answered of the file, as JSON.
    pub image: &'a str,
    pub model: &'a str,
    pub version: &'a str,
    /// Which classes the model has, and by which weights it scored them. Of an image without scores it says nothing.
    pub classes: u64,
    /// The score of each class, as `Scores` has them; empty where its worker gave none.
    pub scores: &'a [u8],
}

#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub(crate) places: Vec<i64>,
    pub(crate) lines: Vec<i64>,
    pub(crate) custom_ids: Vec<ByteArray>,
    pub(crate) urls: Vec<ByteArray>,
    pub(crate) images: Vec<ByteArray>,
    pub(crate) models: Vec<ByteArray>,
    pub(crate) versions: Vec<ByteArray>,
    pub(crate) classes: Vec<i64>,
    pub(crate) scores: Vec<ByteArray>,
}

impl<'a> Row<'a> {
    /// Adds what a model gave, if it gave that.
    pub fn scored(self, model: &'a ModelId, scores: Option<&'a Scores>) -> Self {
        Self {
            model: &model.name,
            version: &model.version,
            classes: scores.map_or(0, |scores| scores.classes),
            scores: scores.map_or(&[], |scores| &scores.values),
            ..self
        }
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn push(&mut self, row: Row<'_>) {
        self.places.push(row.place.cast_signed());
        self.lines.push(row.line.cast_signed());
        self.custom_ids.push(row.custom_id.into());
        self.urls.push(row.url.into());
        self.images.push(row.image.into());
        self.models.push(row.model.into());
        self.versions.push(row.version.into());
        self.classes.push(row.classes.cast_signed());
        self.scores.push(ByteArray::from(row.scores.to_vec()));
    }

    pub fn iter(&self) -> impl Iterator<Item = Result<Row<'_>, TableError>> {
        (0..self.len()).map(|at| self.row(at))
    }

    fn row(&self, at: usize) -> Result<Row<'_>, TableError> {
        Ok(Row {
            place: self.places[at].cast_unsigned(),
            line: self.lines[at].cast_unsigned(),
            custom_id: text(&self.custom_ids[at])?,
            url: text(&self.urls[at])?,
            image: text(&self.images[at])?,
            model: text(&self.models[at])?,
            version: text(&self.versions[at])?,
            classes: self.classes[at].cast_unsigned(),
            scores: self.scores[at].data(),
        })
    }
}

fn text(bytes: &ByteArray) -> Result<&str, TableError> {
    Ok(str::from_utf8(bytes.data())?)
}
