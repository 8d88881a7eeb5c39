//! What models that look for one thing think of an image.

use common::wire::{Grade, Grades};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Model, rounded};

/// How much a picture is of each kind that a model tells apart.
#[derive(Debug, Serialize, ToSchema)]
pub struct GradesView {
    pub grades: Vec<GradeView>,
    pub model: Model,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct GradeView {
    #[schema(example = "sexual content")]
    pub id: String,
    /// 0 to 1. What is much is for the caller to say.
    #[schema(example = 0.03)]
    pub score: f64,
}

impl From<Grades> for GradesView {
    fn from(Grades { model, grades }: Grades) -> Self {
        let view = |Grade { id, score }| GradeView {
            id,
            score: rounded(score),
        };
        Self {
            grades: grades.into_iter().map(view).collect(),
            model: model.into(),
        }
    }
}
