//! The caption stage: a sentence from tags, never from pixels. A language
//! model writes where it is asked, in time and believable; else the template.

mod cache;
mod caption_stage;
mod captioner;
mod generator;
pub mod guard;
mod handoff;
mod joining;
pub mod llama;
mod model;
mod openai;
mod prompt;
mod route;
mod sentence;
mod template;
#[cfg(test)]
mod tests;
mod worker;

use std::time::Instant;

pub use cache::CacheSetting;
pub use caption_stage::CaptionStage;
pub use captioner::Captioner;
use common::{
    model::ModelError,
    queue::Priority,
    wire::{self, Language},
};
pub use handoff::{Handoff, PendingCaption};
pub use llama::LlamaSetting;
pub use openai::{OpenAiApi, OpenAiSetting};
pub use route::When;
pub use template::subjects;
pub use worker::CaptioningWorker;

#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("the language model cannot be loaded: {0}")]
    Load(String),
    #[error("the caption servers cannot be used: {0}")]
    Servers(String),
}

/// Says for whom a caption is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptionRequest {
    /// The one with which its picture came.
    pub priority: Priority,
    pub language: Language,
    /// Whether the line is so long that a pattern has to do.
    pub shed: bool,
}

/// What came of a caption, and when the writing began (the end of `caption_wait`).
#[derive(Debug)]
pub struct Captioned {
    pub caption: wire::Caption,
    pub started: Instant,
}

/// What becomes of the caption of one picture.
#[derive(Debug)]
pub enum Caption {
    /// This worker wrote it.
    Written(Captioned),
    /// Nobody writes it: nothing was asked for, there is nothing to say, or there is no captioning worker.
    Unwritten(wire::Caption),
    /// A captioning worker is to write it. Until then its picture has a provisional one.
    HandOff {
        provisional: wire::Caption,
        pending: PendingCaption,
    },
}

impl Caption {
    /// Says that there is no sentence since nothing in the picture is sure, if that is so.
    pub fn marked_unsure(mut self, unsure: bool) -> Self {
        if unsure {
            match &mut self {
                Self::Written(Captioned { caption, .. }) | Self::Unwritten(caption) => {
                    caption.unsure = caption.text.is_none();
                }
                Self::HandOff { .. } => {}
            }
        }
        self
    }
}
