//! The caption stage: a sentence from tags, never from pixels. The language
//! model writes where it is asked, in time and believable; else the template.

pub mod guard;
#[cfg(feature = "llama")]
mod llama;
mod subject;
mod template;

use std::time::Instant;

use common::wire::{Caption, CaptionStatus, Tag};
pub use subject::subjects;

/// Sentences that the language model may offer for one photo before the template takes over.
const ATTEMPTS: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error(transparent)]
    Model(#[from] common::model::ModelError),
    #[error("the language model cannot be loaded: {0}")]
    Load(String),
    #[error("this build has no language model (feature `llama`); use `--captioner template`")]
    NotBuilt,
}

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

#[derive(Debug)]
pub struct Captioner {
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    Off,
    Template,
    #[cfg(feature = "llama")]
    Llama(llama::Llama),
}

/// What came of it, and when the writing began (the end of `caption_wait`).
#[derive(Debug)]
pub struct Captioned {
    pub caption: Caption,
    pub started: Instant,
}

impl Captioner {
    pub fn off() -> Self {
        Self { writer: Writer::Off }
    }

    pub fn template() -> Self {
        Self { writer: Writer::Template }
    }

    /// Loads the language model; blocks for as long as that takes.
    #[cfg(feature = "llama")]
    pub fn llama(manifest: &common::model::Manifest, threads: usize, queue: usize) -> Result<Self, CaptionError> {
        Ok(Self { writer: Writer::Llama(llama::Llama::load(manifest, threads, queue)?) })
    }

    #[cfg(not(feature = "llama"))]
    pub fn llama(_: &common::model::Manifest, _: usize, _: usize) -> Result<Self, CaptionError> {
        Err(CaptionError::NotBuilt)
    }

    pub fn name(&self) -> &str {
        match &self.writer {
            Writer::Off => "off",
            Writer::Template => template::NAME,
            #[cfg(feature = "llama")]
            Writer::Llama(llama) => llama.name(),
        }
    }

    /// A caption for `tags`, or the reason for none. Never fails, and never
    /// takes longer than until `deadline`.
    #[cfg_attr(not(feature = "llama"), allow(unused_variables))]
    pub async fn caption(&self, wanted: bool, tags: &[Tag], deadline: Instant) -> Captioned {
        let subjects = subjects(tags);
        let captioned = match &self.writer {
            Writer::Off => none(),
            _ if !wanted || subjects.is_empty() => none(),
            Writer::Template => by_template(&subjects, CaptionStatus::Template, Instant::now()),
            #[cfg(feature = "llama")]
            Writer::Llama(llama) => by_model(llama, &subjects, deadline).await,
        };
        let status = captioned.caption.status.name();
        metrics::counter!("tagfleet_captions_total", "status" => status).increment(1);
        captioned
    }
}

#[cfg(feature = "llama")]
async fn by_model(llama: &llama::Llama, subjects: &[&Tag], deadline: Instant) -> Captioned {
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

fn none() -> Captioned {
    let caption = Caption { text: None, status: CaptionStatus::Disabled, model: None };
    Captioned { caption, started: Instant::now() }
}

fn by_template(subjects: &[&Tag], status: CaptionStatus, started: Instant) -> Captioned {
    let caption = Caption { text: Some(template::write(subjects)), status, model: Some(template::NAME.to_owned()) };
    Captioned { caption, started }
}
