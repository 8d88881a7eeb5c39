//! What makes tags of a model's scores.

use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Job, ModelInfo, Tag},
};

use super::tags::{self, Calibration, Choice, Filter, Taxonomy};

#[derive(Debug)]
pub struct Tagger {
    pub taxonomy: Taxonomy,
    pub model: ModelInfo,
    pub calibration: Calibration,
}

impl Tagger {
    /// Returns what `job` wants to hear of the scores.
    pub fn select(&self, job: &Job, scores: &[f32]) -> Result<Vec<Tag>, Fault> {
        let filter = Filter::new(&self.taxonomy, &job.selection).map_err(|unknown| {
            Fault::new(
                Code::InvalidRequest,
                Stage::Postprocess,
                unknown.to_string(),
            )
        })?;
        let choice = Choice {
            threshold: job.threshold.unwrap_or(self.model.default_threshold),
            limit: job.limit.unwrap_or(self.model.default_limit).into(),
            filter,
            language: job.language,
        };
        let believed = self.calibration.believed(scores);
        Ok(tags::select(
            &self.taxonomy,
            self.model.kind,
            &believed,
            &choice,
        ))
    }
}
