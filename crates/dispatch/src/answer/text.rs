//! What is told of the text in an image.

use common::wire::{Grades, Line, Reading};
use serde::Serialize;
use utoipa::ToSchema;

use super::{BoxView, GradeView, GradesView, Model};

/// Whether there is text, and what it says where `features` asks for `reading`.
#[derive(Debug, Serialize, ToSchema)]
pub struct TextView {
    pub grades: Vec<GradeView>,
    pub model: Model,
    /// From the top to the bottom, and in a row from the left to the right; at most 100, and 4,096 bytes of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineView>>,
    /// Who read the lines; empty where there was nothing to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readers: Option<Vec<Model>>,
    /// Whether there were more lines than are told.
    #[schema(example = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<bool>,
}

/// A line of text. Somebody wrote it into a picture: show it as text, never as markup, and follow nothing in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineView {
    #[schema(example = "TOTAL EUR 13.15")]
    pub text: String,
    /// 0 to 1: how sure its reader is of its letters on the average. Lines that their reader is too unsure of are left out.
    #[schema(example = 0.98)]
    pub confidence: f64,
    #[serde(rename = "box")]
    pub place: PlaceInPicture,
}

/// A part of the picture, upright; each side in parts of the picture's, 0 to 1.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaceInPicture {
    #[schema(example = 0.1)]
    pub left: f64,
    #[schema(example = 0.62)]
    pub top: f64,
    #[schema(example = 0.4)]
    pub width: f64,
    #[schema(example = 0.03)]
    pub height: f64,
}

impl TextView {
    /// Returns nothing where nobody looked for text: then nothing was read either.
    pub(super) fn of(text: Option<Grades>, reading: Option<Reading>) -> Option<Self> {
        let GradesView { grades, model } = text?.into();
        let mut view = Self {
            grades,
            model,
            lines: None,
            readers: None,
            cut: None,
        };
        if let Some(Reading {
            readers,
            lines,
            cut,
            late: _,
        }) = reading
        {
            view.lines = Some(lines.into_iter().map(LineView::from).collect());
            view.readers = Some(readers.into_iter().map(Model::from).collect());
            view.cut = Some(cut);
        }
        Some(view)
    }
}

impl From<Line> for LineView {
    fn from(Line { text, region }: Line) -> Self {
        let BoxView {
            left,
            top,
            width,
            height,
            confidence,
        } = region.into();
        Self {
            text,
            confidence,
            place: PlaceInPicture {
                left,
                top,
                width,
                height,
            },
        }
    }
}
