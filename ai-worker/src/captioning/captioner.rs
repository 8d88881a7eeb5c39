//! Who writes captions: one source of sentences, and others where rules say so.

use std::{sync::Arc, time::Instant};

use common::{
    bus::Bus,
    model::Manifest,
    wire::{self, CaptionStatus, Language, Tag},
};

use super::{
    CaptionError, CaptionRequest, Captioned,
    cache::{Cache, CacheSetting},
    generator::Generator,
    guard::Labels,
    joining::Joining,
    llama::{Llama, LlamaSetting},
    model::Model,
    openai::{OpenAi, OpenAiSetting},
    route::When,
    sentence::Time,
    template::{self, subjects},
};
use crate::metrics::count_caption;

/// Writes captions. Copies share their language model.
#[derive(Clone, Debug)]
pub struct Captioner {
    source: SentenceSource,
    /// The first rule that fits names the source that writes instead.
    routes: Vec<(When, SentenceSource)>,
}

#[derive(Clone, Debug)]
enum SentenceSource {
    Off,
    Template,
    Generator(Arc<Generator>),
    /// A language model that is still being fetched or loaded; the template speaks meanwhile.
    Joining(Arc<Joining<SentenceSource>>),
}

impl Captioner {
    pub fn off() -> Self {
        Self::from_source(SentenceSource::Off)
    }

    pub fn template() -> Self {
        Self::from_source(SentenceSource::Template)
    }

    /// Loads the language model; blocks for as long as that takes.
    pub fn llama(manifest: &Manifest, setting: LlamaSetting) -> Result<Self, CaptionError> {
        let llama = Llama::load(manifest, setting)?;
        Ok(Self::from_model(Model::Llama(llama)))
    }

    /// Asks servers that speak OpenAI's protocol. Whether they answer shows later.
    pub fn openai(setting: &OpenAiSetting) -> Result<Self, CaptionError> {
        let servers = OpenAi::new(setting)?;
        Ok(Self::from_model(Model::OpenAi(servers)))
    }

    pub(super) fn from_model(model: Model) -> Self {
        Self::from_source(SentenceSource::Generator(Arc::new(Generator::new(model))))
    }

    fn from_source(source: SentenceSource) -> Self {
        Self {
            source,
            routes: Vec::new(),
        }
    }

    /// Loads in the background, and again every few seconds where that fails, until it succeeds.
    pub fn joining(
        mut load: impl FnMut() -> Result<Self, CaptionError> + Send + 'static,
    ) -> Result<Self, CaptionError> {
        let load_source = move || {
            let captioner = load()?;
            let name = captioner.name();
            tracing::info!(captioner = name, "the language model has joined");
            Ok(captioner.source)
        };
        Ok(Self::from_source(SentenceSource::Joining(Joining::begin(
            load_source,
        )?)))
    }

    /// Lets `other` write what fits `when` and no rule before it.
    pub fn routed(mut self, when: When, other: Captioner) -> Self {
        self.routes.push((when, other.source));
        self
    }

    /// Remembers the language model's sentences, for the fleet that shares `bus`.
    pub fn cached(mut self, setting: CacheSetting, bus: Bus) -> Self {
        if let Some(generator) = self.generator_mut() {
            let cache = Cache::new(setting, bus, &generator.model.identity());
            generator.cache = Some(cache);
        }
        self
    }

    /// Tells all that the tagging models can name: of it, a sentence may name only what is given.
    pub fn knowing(mut self, labels: Labels) -> Self {
        if let Some(generator) = self.generator_mut() {
            generator.labels = labels;
        }
        self
    }

    /// Returns the generator before the captioner is copied: until then nobody else has it.
    fn generator_mut(&mut self) -> Option<&mut Generator> {
        match &mut self.source {
            SentenceSource::Generator(generator) => Arc::get_mut(generator),
            SentenceSource::Off | SentenceSource::Template | SentenceSource::Joining(_) => None,
        }
    }

    /// Returns whether nobody writes such captions, by setting.
    pub fn is_off(&self, asked: CaptionRequest) -> bool {
        matches!(self.source_for(asked).joined(), SentenceSource::Off)
    }

    /// Returns a language model's name, `template` or `off`.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Writes a caption for `tags`, or says why there is none. It never fails, and never
    /// takes longer than until `deadline`.
    pub async fn caption(
        &self,
        wanted: bool,
        tags: &[Tag],
        asked: CaptionRequest,
        deadline: Instant,
    ) -> Captioned {
        let subjects = if wanted { subjects(tags) } else { Vec::new() };
        let time = Time::until(deadline);
        self.write(&subjects, asked, time, deadline).await
    }

    /// Writes a caption that is of use even if it is late, as long as it was begun by `deadline`.
    pub async fn caption_even_late(
        &self,
        tags: &[Tag],
        asked: CaptionRequest,
        deadline: Instant,
    ) -> Captioned {
        let subjects = subjects(tags);
        let time = Time::until(deadline);
        self.write(&subjects, asked, time, time.end_by).await
    }

    async fn write(
        &self,
        subjects: &[&Tag],
        asked: CaptionRequest,
        time: Time,
        wait_until: Instant,
    ) -> Captioned {
        let captioned = match self.source_for(asked).joined() {
            SentenceSource::Off => without_writing(template::none()),
            _ if subjects.is_empty() => without_writing(template::none()),
            // Korean is a pattern's anyway.
            SentenceSource::Generator(_) | SentenceSource::Joining(_)
                if asked.shed && asked.language == Language::En =>
            {
                by_template(subjects, asked.language, CaptionStatus::SkippedOverload)
            }
            // Prompt and guard know English alone.
            SentenceSource::Generator(generator) if asked.language == Language::En => {
                generator.caption(subjects, asked, time, wait_until).await
            }
            SentenceSource::Joining(_) if asked.language == Language::En => {
                by_template(subjects, asked.language, CaptionStatus::Unavailable)
            }
            _ => by_template(subjects, asked.language, CaptionStatus::Template),
        };
        count_caption(captioned.caption.status);
        captioned
    }

    fn source_for(&self, asked: CaptionRequest) -> &SentenceSource {
        let route = self.routes.iter().find(|(when, _)| when.fits(asked));
        route.map_or(&self.source, |(_, source)| source)
    }
}

impl SentenceSource {
    /// Returns the source that came, where a language model was joining.
    fn joined(&self) -> &Self {
        match self {
            SentenceSource::Joining(joining) => joining.arrived().unwrap_or(self),
            _ => self,
        }
    }

    fn name(&self) -> &str {
        match self.joined() {
            SentenceSource::Off => "off",
            SentenceSource::Template | SentenceSource::Joining(_) => template::NAME,
            SentenceSource::Generator(generator) => generator.model.name(),
        }
    }
}

fn by_template(subjects: &[&Tag], language: Language, status: CaptionStatus) -> Captioned {
    without_writing(template::caption(subjects, language, status))
}

fn without_writing(caption: wire::Caption) -> Captioned {
    Captioned {
        caption,
        started: Instant::now(),
    }
}

#[cfg(test)]
mod tests;
