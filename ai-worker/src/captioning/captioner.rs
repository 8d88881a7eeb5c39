//! The caption stage: a sentence from tags, never from pixels. A language
//! model writes where it is asked, in time and believable; else the template.

mod by_model;
mod cache;
mod english;
pub mod guard;
mod joining;
mod korean;
pub mod llama;
mod model;
mod openai;
mod particle;
mod prompt;
mod route;
mod subject;
mod template;

use crate::metrics::CAPTIONS;
use std::{path::PathBuf, sync::Arc, time::Instant};

use by_model::Author;
pub use cache::CacheSetting;
use common::{
    bus::Bus,
    queue::Priority,
    wire::{Caption, CaptionStatus, Language, Tag},
};
use guard::Labels;
use joining::Joining;
use model::{Model, Time};
pub use openai::{OpenAiApi, OpenAiSetting};
pub use route::When;
pub use subject::subjects;

#[derive(Debug, thiserror::Error)]
pub enum CaptionError {
    #[error(transparent)]
    Model(#[from] common::model::ModelError),
    #[error("the language model cannot be loaded: {0}")]
    Load(String),
    #[error("the caption servers cannot be used: {0}")]
    Servers(String),
}

/// How a language model in this process is run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Folder of llama.cpp's shared library.
    pub library: PathBuf,
    pub threads: usize,
    /// Sentences at once.
    pub width: usize,
    /// Sentences that may wait for a place.
    pub queue: usize,
    /// The GPU that runs it, by its number; a processor where there is none.
    pub gpu: Option<usize>,
}

/// Copies share their model.
#[derive(Clone, Debug)]
pub struct Captioner {
    writer: Writer,
    /// The first that fits writes in its stead.
    routes: Vec<(When, Writer)>,
}

#[derive(Clone, Debug)]
enum Writer {
    Off,
    Template,
    Model(Arc<Author>),
    /// A language model that is still being fetched or loaded; the template speaks meanwhile.
    Joining(Arc<Joining>),
}

/// For whom a caption is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// By which its picture came.
    pub priority: Priority,
    pub language: Language,
}

/// What came of it, and when the writing began (the end of `caption_wait`).
#[derive(Debug)]
pub struct Captioned {
    pub caption: Caption,
    pub started: Instant,
}

impl Captioner {
    pub fn off() -> Self {
        Self::writing(Writer::Off)
    }

    pub fn template() -> Self {
        Self::writing(Writer::Template)
    }

    /// Loads the language model; blocks for as long as that takes.
    pub fn llama(
        manifest: &common::model::Manifest,
        setting: Setting,
    ) -> Result<Self, CaptionError> {
        Ok(Self::by(Model::Llama(llama::Llama::load(
            manifest, setting,
        )?)))
    }

    /// Servers that speak OpenAI's protocol. Whether they answer shows later.
    pub fn openai(setting: &OpenAiSetting) -> Result<Self, CaptionError> {
        Ok(Self::by(Model::OpenAi(openai::OpenAi::new(setting)?)))
    }

    fn by(model: Model) -> Self {
        Self::writing(Writer::Model(Arc::new(Author::of(model))))
    }

    fn writing(writer: Writer) -> Self {
        Self {
            writer,
            routes: Vec::new(),
        }
    }

    /// Loads in the background, and again every few seconds where that fails, until it succeeds.
    pub fn joining(
        load: impl FnMut() -> Result<Self, CaptionError> + Send + 'static,
    ) -> Result<Self, CaptionError> {
        Ok(Self::writing(Writer::Joining(Joining::begin(load)?)))
    }

    /// What fits `when`, and no rule before it, is written by `other`.
    pub fn routed(mut self, when: When, other: Captioner) -> Self {
        self.routes.push((when, other.writer));
        self
    }

    /// Remembers the language model's sentences, for the fleet that shares `bus`.
    pub fn cached(self, setting: CacheSetting, bus: Bus) -> Self {
        self.with(|author| {
            author.cache = Some(cache::Cache::new(setting, bus, &author.model.writer()))
        })
    }

    /// All that the tagging models can name: a sentence may name of it what is given alone.
    pub fn knowing(self, labels: Labels) -> Self {
        self.with(|author| author.labels = labels)
    }

    fn with(mut self, change: impl FnOnce(&mut Author)) -> Self {
        // Nobody else has it before the captioner is made, and copied.
        if let Writer::Model(author) = &mut self.writer
            && let Some(author) = Arc::get_mut(author)
        {
            change(author);
        }
        self
    }

    pub fn name(&self) -> &str {
        self.writer.name()
    }

    /// A caption for `tags`, or the reason for none. Never fails, and never
    /// takes longer than until `deadline`.
    pub async fn caption(
        &self,
        wanted: bool,
        tags: &[Tag],
        asked: Asked,
        deadline: Instant,
    ) -> Captioned {
        let subjects = if wanted { subjects(tags) } else { Vec::new() };
        self.write(&subjects, asked, Time::until(deadline), deadline)
            .await
    }

    /// The same where a caption that is late is still of use, if only it was begun by `deadline`.
    pub async fn caption_even_late(
        &self,
        tags: &[Tag],
        asked: Asked,
        deadline: Instant,
    ) -> Captioned {
        let time = Time::until(deadline);
        self.write(&subjects(tags), asked, time, time.end_by).await
    }

    fn writer_for(&self, asked: Asked) -> &Writer {
        let route = self.routes.iter().find(|(when, _)| when.fits(asked));
        route.map_or(&self.writer, |(_, writer)| writer)
    }

    async fn write(
        &self,
        subjects: &[&Tag],
        asked: Asked,
        time: Time,
        wait_until: Instant,
    ) -> Captioned {
        let captioned = match self.writer_for(asked).joined() {
            Writer::Off => none(),
            _ if subjects.is_empty() => none(),
            // Prompt and guard know English alone.
            Writer::Model(author) if asked.language == Language::En => {
                by_model::caption(author, subjects, asked, time, wait_until).await
            }
            Writer::Joining(_) if asked.language == Language::En => by_pattern(
                subjects,
                asked.language,
                CaptionStatus::Unavailable,
                Instant::now(),
            ),
            _ => by_pattern(
                subjects,
                asked.language,
                CaptionStatus::Template,
                Instant::now(),
            ),
        };
        count(captioned.caption.status);
        captioned
    }
}

impl Writer {
    /// Returns who came, where a language model was joining.
    fn joined(&self) -> &Self {
        match self {
            Writer::Joining(joining) => joining.arrived().unwrap_or(self),
            _ => self,
        }
    }

    fn name(&self) -> &str {
        match self.joined() {
            Writer::Off => "off",
            Writer::Template | Writer::Joining(_) => template::NAME,
            Writer::Model(author) => author.model.name(),
        }
    }
}

pub fn count(status: CaptionStatus) {
    metrics::counter!(CAPTIONS, "status" => status.name()).increment(1);
}

/// The template's sentence in the place of one that somebody else writes, or none where there is nothing to say.
pub fn stand_in(subjects: &[&Tag], language: Language, status: CaptionStatus) -> Caption {
    if subjects.is_empty() {
        none().caption
    } else {
        by_pattern(subjects, language, status, Instant::now()).caption
    }
}

fn none() -> Captioned {
    let caption = Caption {
        text: None,
        status: CaptionStatus::Disabled,
        model: None,
    };
    Captioned {
        caption,
        started: Instant::now(),
    }
}

/// The template's, and why it speaks.
fn by_pattern(
    subjects: &[&Tag],
    language: Language,
    status: CaptionStatus,
    started: Instant,
) -> Captioned {
    let text = match language {
        Language::En => template::write(subjects),
        Language::Ko => korean::write(subjects),
    };
    let caption = Caption {
        text: Some(text),
        status,
        model: Some(template::NAME.to_owned()),
    };
    Captioned { caption, started }
}
