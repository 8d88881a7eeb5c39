//! What is done for an image that nobody has an answer for: admit → fetch → prepare → publish → result.

use std::time::Duration;

use cache::{AnswerKey, Answered, Cache, Digest, Layer, Validators};
use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    image::Facts,
    queue::Priority,
    stage::Stage,
    wire::{Asked, CaptionStatus, ModelInfo, Tagged},
};
use fetch::{Fetched, Purpose, Requester};
use identity::Caller;
use prepare::Prepared;
use tokio::time::Instant;

use super::{
    content,
    file::{self, ImageBytes},
    request::Source,
};
use crate::{admission::Coming, context::RequestContext, state::AppState};

/// What came of an image.
#[derive(Debug)]
pub struct Done {
    pub facts: Facts,
    pub tagged: Tagged,
    /// By what it was found in the cache.
    pub cached: Option<Layer>,
}

impl Done {
    pub fn cached(answered: Answered, layer: Layer) -> Self {
        Self {
            facts: answered.facts,
            tagged: answered.tagged,
            cached: Some(layer),
        }
    }

    /// The answer for another file that became the same tile.
    fn copied(facts: Facts, answered: Answered) -> Self {
        Self {
            facts,
            tagged: answered.tagged,
            cached: Some(Layer::Tile),
        }
    }

    async fn keep(&self, caching: &Caching<'_>, bytes: Digest, tile: Digest) {
        if self.is_complete() {
            let facts = self.facts.clone();
            let tagged = self.tagged.clone();
            caching
                .cache
                .keep(&caching.key, bytes, Some(tile), facts, tagged)
                .await;
        }
    }

    /// Returns whether nothing is missing that another try would bring, so that it may be answered again.
    pub fn is_complete(&self) -> bool {
        !matches!(
            self.tagged.caption.status,
            CaptionStatus::SkippedDeadline | CaptionStatus::Unavailable
        )
    }
}

/// The cache, and under what this request's answer is kept there.
#[derive(Clone, Debug)]
pub struct Caching<'a> {
    pub cache: &'a Cache,
    pub key: AnswerKey,
}

/// One image's way behind admission.
pub struct Work<'a> {
    pub app: &'a AppState,
    pub context: &'a mut RequestContext,
    pub caller: &'a Caller,
    /// Taken once the image is read.
    pub source: Option<Source>,
    pub asked: Asked,
    pub model: ModelInfo,
    pub deadline: Instant,
}

impl Work<'_> {
    /// `url`: where the image lies, if it comes from elsewhere.
    pub async fn go(
        mut self,
        caching: Option<&Caching<'_>>,
        url: Option<Digest>,
    ) -> Result<Done, Fault> {
        self.context.predicted_wait = self.app.admission.wait();
        let coming = self.app.admission.admit(left(self.deadline))?;
        self.context.end(Stage::Lookup);
        let image = self.fetch().await?;
        let Some(caching) = caching else {
            self.context.end(Stage::Fetch);
            let prepared = file::prepare(self.app, image, self.model.tile, self.deadline).await?;
            return self.tag(prepared, coming).await;
        };
        let bytes = file::digest(self.app, &image.bytes, self.deadline).await?;
        if let Some(url) = url {
            caching
                .cache
                .keep_copy(url, bytes, Validators::default(), None)
                .await;
        }
        let known = caching.cache.by_bytes(&caching.key, bytes).await;
        self.context.end(Stage::Fetch);
        if let Some(answered) = known {
            image.known_before();
            return Ok(Done::cached(answered, Layer::Bytes));
        }
        let prepared = file::prepare(self.app, image, self.model.tile, self.deadline).await?;
        let tile = Digest::of(&prepared.tile);
        let done = match caching.cache.by_tile(&caching.key, tile).await {
            Some(answered) => {
                self.context.end(Stage::Prepare);
                Done::copied(prepared.facts, answered)
            }
            None => self.tag(prepared, coming).await?,
        };
        done.keep(caching, bytes, tile).await;
        Ok(done)
    }

    async fn fetch(&mut self) -> Result<ImageBytes, Fault> {
        if Instant::now() >= self.deadline {
            let detail = "The time was over before the image was read.";
            return Err(Fault::new(Code::DeadlineExceeded, Stage::Lookup, detail));
        }
        let image = match self.source.take() {
            Some(Source::Url(url)) => {
                self.context.note_url(&url);
                let requester = Requester {
                    tenant: self.caller.tenant.clone(),
                    purpose: Purpose::Realtime,
                };
                let fetcher = &self.app.resources.fetcher;
                let Fetched { bytes, sent } = fetcher.fetch(url, self.deadline, &requester).await?;
                ImageBytes {
                    bytes,
                    sent: Some(sent),
                }
            }
            Some(Source::Base64(text, held)) => {
                let decode = move || Ok(held.with(content::decoded(text)?));
                let decoded = self
                    .app
                    .offload
                    .run(Stage::Fetch, self.deadline, decode)
                    .await?;
                ImageBytes::sent_here(decoded)
            }
            Some(Source::Body(body)) => {
                ImageBytes::sent_here(file::from_body(self.app, body, self.deadline).await?)
            }
            Some(Source::Bytes(bytes)) => ImageBytes::sent_here(bytes),
            None => return Err(Fault::bug(Stage::Fetch)),
        };
        self.context.bytes = Some(image.bytes.len());
        Ok(image)
    }

    async fn tag(self, prepared: Prepared, coming: Coming) -> Result<Done, Fault> {
        let submitted = self.context.end(Stage::Prepare);
        self.app.admission.still_in_time(left(self.deadline))?;
        let key = ResultKey {
            tenant: self.caller.tenant.to_string(),
            id: self.context.id.to_string(),
        };
        let dispatcher = &self.app.dispatcher;
        let job = dispatcher.job(key, &self.model.id.name, self.asked, prepared.tile);
        drop(coming);
        let returned = dispatcher
            .submit_and_wait(Priority::Realtime, job, submitted, self.deadline)
            .await?;
        Ok(Done {
            facts: prepared.facts,
            tagged: self.context.receive(returned)?,
            cached: None,
        })
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
