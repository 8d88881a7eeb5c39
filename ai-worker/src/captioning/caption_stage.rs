//! Who writes the captions of a worker that tags: itself, or others.

use std::{sync::Arc, time::Instant};

use common::wire::{JobResult, Tag};

use crate::{
    caption::{Asked, Captioned, Captioner, count, subjects},
    relay::Relay,
};

#[derive(Debug)]
pub enum Captions {
    Here(Arc<Captioner>),
    Elsewhere(Relay),
}

impl Captions {
    /// The caption, or what stands in for it while it is written elsewhere.
    pub async fn caption(
        &self,
        wanted: bool,
        tags: &[Tag],
        asked: Asked,
        deadline: Instant,
    ) -> Captioned {
        match self {
            Captions::Here(captioner) => captioner.caption(wanted, tags, asked, deadline).await,
            Captions::Elsewhere(relay) => {
                let caption = relay.stand_in(wanted, tags, asked.language);
                // What is to be written is counted by who writes it.
                if !Relay::is_to_be_written(&caption) {
                    count(caption.status);
                }
                Captioned {
                    caption,
                    started: Instant::now(),
                }
            }
        }
    }

    pub fn are_here(&self) -> bool {
        matches!(self, Captions::Here(_))
    }

    /// What a caption that is written elsewhere has to speak of.
    pub fn to_send(&self, tags: &[Tag]) -> Vec<Tag> {
        match self {
            Captions::Here(_) => Vec::new(),
            Captions::Elsewhere(_) => subjects(tags).into_iter().cloned().collect(),
        }
    }

    /// Who takes this result on to its caption, if somebody is to.
    pub fn relay_for(&self, result: &JobResult) -> Option<&Relay> {
        match (self, &result.outcome) {
            (Captions::Elsewhere(relay), Ok(tagged))
                if Relay::is_to_be_written(&tagged.caption) =>
            {
                Some(relay)
            }
            _ => None,
        }
    }

    /// A language model's name, `template` or `off`.
    pub fn writer(&self) -> String {
        match self {
            Captions::Here(captioner) => captioner.name().to_owned(),
            Captions::Elsewhere(relay) => relay.writer(),
        }
    }
}
