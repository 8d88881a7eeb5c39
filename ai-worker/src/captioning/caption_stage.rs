//! The caption stage of a worker that tags: it writes captions itself, or hands them on.

use std::{sync::Arc, time::Instant};

use common::wire::Tag;

use super::{Caption, CaptionRequest, captioner::Captioner, handoff::Handoff};

/// Who writes the captions of the pictures that this worker tags.
#[derive(Debug)]
pub enum CaptionStage {
    Here(Arc<Captioner>),
    Elsewhere(Arc<Handoff>),
}

impl CaptionStage {
    /// Writes the caption by `deadline`, or says what is to become of it.
    pub async fn caption(
        &self,
        wanted: bool,
        tags: &[Tag],
        asked: CaptionRequest,
        deadline: Instant,
    ) -> Caption {
        match self {
            CaptionStage::Here(captioner) => {
                Caption::Written(captioner.caption(wanted, tags, asked, deadline).await)
            }
            CaptionStage::Elsewhere(handoff) => handoff.caption(wanted, tags, asked),
        }
    }

    /// Returns whether nobody writes captions, by setting.
    pub fn are_off(&self, asked: CaptionRequest) -> bool {
        matches!(self, CaptionStage::Here(captioner) if captioner.is_off(asked))
    }

    /// Returns the name of the captioner: a language model's, `template` or `off`.
    pub fn captioner(&self) -> String {
        match self {
            CaptionStage::Here(captioner) => captioner.name().to_owned(),
            CaptionStage::Elsewhere(handoff) => handoff.captioner(),
        }
    }
}
