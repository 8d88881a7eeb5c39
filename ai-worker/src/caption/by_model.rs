//! What becomes of the language model's sentences: the guard reads each, and
//! when none passes, or none comes, the template speaks.

use std::time::Instant;

use common::wire::{Caption, CaptionStatus, Tag};

use super::{Captioned, by_template, guard, llama::Llama};

/// Sentences that the language model may offer for one photo before the template takes over.
const ATTEMPTS: u32 = 3;

/// Why the language model gave no sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSentence {
    /// Too many wait, or too little time is left.
    NoTime,
    /// Its thread has ended, or it failed.
    Down,
}

impl NoSentence {
    fn status(self) -> CaptionStatus {
        match self {
            NoSentence::NoTime => CaptionStatus::SkippedDeadline,
            NoSentence::Down => CaptionStatus::Unavailable,
        }
    }
}

/// A sentence, and the moment at which the model began with it.
#[derive(Clone, Debug)]
pub struct Sentence {
    pub text: String,
    pub started: Instant,
}

pub async fn caption(llama: &Llama, subjects: &[&Tag], deadline: Instant) -> Captioned {
    let names: Vec<String> = subjects.iter().map(|tag| tag.name.clone()).collect();
    let mut began = None;
    for attempt in 0..ATTEMPTS {
        let sentence = match llama.write(names.clone(), attempt, deadline).await {
            Ok(sentence) => sentence,
            Err(why) => return by_template(subjects, why.status(), began.unwrap_or_else(Instant::now)),
        };
        let started = *began.get_or_insert(sentence.started);
        match guard::check(&sentence.text, subjects) {
            Ok(text) => {
                let model = Some(llama.name().to_owned());
                return Captioned { caption: Caption { text: Some(text), status: CaptionStatus::Llm, model }, started };
            }
            Err(rule) => {
                metrics::counter!("tagfleet_caption_refused_total", "rule" => rule.name()).increment(1);
                tracing::debug!(rule = rule.name(), text = sentence.text, "caption refused");
            }
        }
    }
    by_template(subjects, CaptionStatus::Template, began.unwrap_or_else(Instant::now))
}
