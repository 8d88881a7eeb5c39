//! The caption stage: a sentence from tags, never from pixels. The language
//! model writes where it is asked, in time and believable; else the template.

#[cfg(feature = "llama")]
mod by_model;
#[cfg_attr(not(feature = "llama"), allow(dead_code, reason = "only the language model's sentences are worth keeping"))]
mod cache;
pub mod guard;
mod korean;
#[cfg(feature = "llama")]
pub mod llama;
mod particle;
mod subject;
mod template;

use std::time::Instant;

use cache::Cache;
pub use cache::CacheSetting;
use common::{
    bus::Bus,
    wire::{Caption, CaptionStatus, Language, Tag},
};
pub use subject::subjects;

#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error(transparent)]
    Model(#[from] common::model::ModelError),
    #[error("the language model cannot be loaded: {0}")]
    Load(String),
    #[error("this build has no language model (feature `llama`); use `--captioner template`")]
    NotBuilt,
}

/// How a language model in this process is run.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub threads: usize,
    /// Sentences at once.
    pub width: usize,
    /// Sentences that may wait for a place.
    pub queue: usize,
}

#[derive(Debug)]
pub struct Captioner {
    writer: Writer,
    cache: Option<Cache>,
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
        Self { writer: Writer::Off, cache: None }
    }

    pub fn template() -> Self {
        Self { writer: Writer::Template, cache: None }
    }

    /// Loads the language model; blocks for as long as that takes.
    #[cfg(feature = "llama")]
    pub fn llama(manifest: &common::model::Manifest, setting: Setting) -> Result<Self, CaptionError> {
        Ok(Self { writer: Writer::Llama(llama::Llama::load(manifest, setting)?), cache: None })
    }

    /// Remembers the language model's sentences, for the fleet that shares `bus`.
    #[cfg(feature = "llama")]
    pub fn cached(self, setting: CacheSetting, bus: Bus, manifest: &common::model::Manifest) -> Self {
        let writer = format!("{} {} {}", manifest.name, manifest.version, llama::prompt::VERSION);
        Self { cache: Some(Cache::new(setting, bus, &writer)), ..self }
    }

    #[cfg(not(feature = "llama"))]
    pub fn cached(self, _: CacheSetting, _: Bus, _: &common::model::Manifest) -> Self {
        self
    }

    #[cfg(not(feature = "llama"))]
    pub fn llama(_: &common::model::Manifest, _: Setting) -> Result<Self, CaptionError> {
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
    // A template needs no time, so a build without the language model has no use for the deadline.
    #[cfg_attr(not(feature = "llama"), allow(unused_variables))]
    pub async fn caption(&self, wanted: bool, tags: &[Tag], language: Language, deadline: Instant) -> Captioned {
        let subjects = subjects(tags);
        let captioned = match &self.writer {
            Writer::Off => none(),
            _ if !wanted || subjects.is_empty() => none(),
            // The language model knows English alone.
            _ if language == Language::Ko => {
                by_pattern(korean::write(&subjects), CaptionStatus::Template, Instant::now())
            }
            Writer::Template => by_template(&subjects, CaptionStatus::Template, Instant::now()),
            #[cfg(feature = "llama")]
            Writer::Llama(llama) => by_model::caption(llama, self.cache.as_ref(), &subjects, deadline).await,
        };
        let status = captioned.caption.status.name();
        metrics::counter!("tagfleet_captions_total", "status" => status).increment(1);
        captioned
    }
}

fn none() -> Captioned {
    let caption = Caption { text: None, status: CaptionStatus::Disabled, model: None };
    Captioned { caption, started: Instant::now() }
}

fn by_template(subjects: &[&Tag], status: CaptionStatus, started: Instant) -> Captioned {
    by_pattern(template::write(subjects), status, started)
}

fn by_pattern(text: String, status: CaptionStatus, started: Instant) -> Captioned {
    let caption = Caption { text: Some(text), status, model: Some(template::NAME.to_owned()) };
    Captioned { caption, started }
}
