//! What is done for an image that nobody has an answer for: admit → fetch → prepare → publish → result.

use std::time::Duration;

use admission::PendingPublish;
use cache::{AnswerKey, Answered, Cache, Digest, Layer, Role, Scope, is_complete};
use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    image::{DecoderImpact, Facts},
    model::TileSpec,
    queue::Priority,
    stage::Stage,
    wire::{AuxiliaryTile, ModelInfo, TagQuery, Tagged},
};
use dispatch::answer::ExifRule;
use fetch::{Fetched, File, Freshness, Purpose, Requester};
use identity::{Caller, QuotaGuard};
use prepare::Prepared;
use resources::revalidation::{self, Earlier};
use tokio::time::Instant;
use url::Url;
use web::context::RequestContext;
use web::request::from_base64;

use super::{
    file::{self, ImageBytes},
    request::ImageOrigin,
};
use crate::state::AppState;

/// What came of an image.
#[derive(Debug)]
pub struct Done {
    pub facts: Facts,
    pub tagged: Tagged,
    /// By what it was found in the cache.
    pub cached: Option<Layer>,
    /// What names the answer to its client, where it may be kept.
    pub etag: Option<String>,
    /// What is told of what a camera wrote down.
    pub exif: Option<ExifRule>,
}

/// What was read of an image.
enum Read {
    Came(ImageBytes, Kept),
    /// The answer for it, since its host says that it is unchanged.
    Unchanged(Answered),
}

/// Whether its host lets an image be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

impl Done {
    pub fn cached(answered: Answered, layer: Layer) -> Self {
        Self {
            facts: answered.facts,
            tagged: answered.tagged,
            cached: Some(layer),
            etag: None,
            exif: None,
        }
    }

    /// Returns the answer as it is kept, and told to others.
    pub fn answered(&self) -> Answered {
        Answered::new(self.facts.clone(), self.tagged.clone())
    }

    /// Returns whether nothing is missing that another try would bring, so that it may be answered again.
    pub fn is_complete(&self) -> bool {
        is_complete(&self.tagged)
    }
}

/// The cache, and under what this request's answer is kept there.
#[derive(Clone, Debug)]
pub struct Caching<'a> {
    pub cache: &'a Cache,
    pub scope: Scope,
    pub key: AnswerKey,
}

/// One image's way behind admission.
pub struct Work<'a> {
    pub app: &'a AppState,
    pub context: &'a mut RequestContext,
    pub caller: &'a Caller,
    pub quota_guard: &'a QuotaGuard,
    /// Taken once the image is read.
    pub source: Option<ImageOrigin>,
    /// What is known of the file at the source's URL, and may be out of date.
    pub earlier: Option<Earlier>,
    pub asked: TagQuery,
    pub model: ModelInfo,
    /// Those that look at the picture as well.
    pub beside: Vec<ModelInfo>,
    pub deadline: Instant,
}

impl Work<'_> {
    /// Notes and counts that another request is at work on the same image.
    pub fn waits_for_another(&mut self) {
        if self.context.record.flight.is_none() {
            self.note(Role::Follower);
        }
    }

    /// Notes and counts that this one works for all who ask for the image.
    pub fn leads(&mut self) {
        self.note(Role::Leader);
    }

    fn note(&mut self, role: Role) {
        role.count();
        self.context.record.flight = Some(role.name());
    }

    pub fn left(&self) -> Duration {
        left(self.deadline)
    }

    /// Returns how much time a request has that asks for no other one.
    pub fn usual_time(&self) -> Duration {
        Duration::from_millis(self.app.config.default_timeout_ms.into())
    }

    /// `url`: where the image lies, if it comes from elsewhere.
    pub async fn go(
        mut self,
        caching: Option<&Caching<'_>>,
        url: Option<Digest>,
    ) -> Result<Done, Fault> {
        let wait = self.app.admission.wait();
        self.context.record.predicted_wait_ms = wait.map(|wait| wait.as_secs_f64() * 1e3);
        let coming = self
            .app
            .admission
            .admit(left(self.deadline), self.caller.tier)?;
        // Who was not let in has had no image worked on, nor has who is answered without work.
        self.quota_guard
            .count_image(&self.app.resources.bus)
            .await?;
        self.context.end(Stage::Lookup);
        let looked_up = caching.zip(url);
        let (image, kept) = match self.read(looked_up).await? {
            Read::Came(image, kept) => (image, kept),
            Read::Unchanged(answered) => {
                self.context.end(Stage::Fetch);
                return Ok(Done::cached(answered, Layer::Url));
            }
        };
        let Some(caching) = caching.filter(|_| kept == Kept::Yes) else {
            self.context.end(Stage::Fetch);
            let prepared = self.prepare(image).await?;
            return self.tag(prepared, coming).await;
        };
        let bytes = file::digest(self.app, &image.bytes, self.deadline).await?;
        let known = self.known(caching, url, &image, bytes).await;
        if let Some(answered) = known {
            image.known_before();
            return Ok(Done::cached(answered, Layer::Bytes));
        }
        let prepared = self.prepare(image).await?;
        let tile = file::tiles_digest(self.app, &prepared, self.deadline).await?;
        let Caching { cache, key, .. } = caching;
        if let Some(answered) = cache.by_tile(key, tile).await {
            self.context.end(Stage::Prepare);
            let answered = answered.of_copy(prepared.facts);
            cache.keep(key, bytes, None, &answered).await;
            return Ok(Done::cached(answered, Layer::Tile));
        }
        let done = self.tag(prepared, coming).await?;
        if done.is_complete() {
            cache.keep(key, bytes, Some(tile), &done.answered()).await;
        }
        Ok(done)
    }

    /// Returns the answer for these bytes, if there is one, and notes that they are what lies at the URL.
    async fn known(
        &mut self,
        caching: &Caching<'_>,
        url: Option<Digest>,
        image: &ImageBytes,
        bytes: Digest,
    ) -> Option<Answered> {
        let cache = caching.cache;
        let keeping = async {
            if let (Some(url), Some(validity)) = (url, &image.validity) {
                revalidation::keep(cache, url, bytes, validity).await;
            }
        };
        // At one time: both go to the result store in one piece.
        let ((), known) = tokio::join!(keeping, cache.by_bytes(&caching.key, bytes));
        self.context.end(Stage::Fetch);
        known
    }

    /// Reads the image, from wherever it comes.
    async fn read(&mut self, looked_up: Option<(&Caching<'_>, Digest)>) -> Result<Read, Fault> {
        if Instant::now() >= self.deadline {
            let detail = "The time was over before the image was read.";
            return Err(Fault::new(Code::DeadlineExceeded, Stage::Lookup, detail));
        }
        let image = match self.source.take() {
            Some(ImageOrigin::Url(url)) => return self.fetch(url, looked_up).await,
            Some(ImageOrigin::Base64(text, held)) => {
                let decode = move || Ok(held.with(from_base64(text)?));
                let offload = &self.app.offload;
                let decoded = offload.run(Stage::Fetch, self.deadline, decode).await?;
                ImageBytes::sent_here(decoded)
            }
            Some(ImageOrigin::Body(body)) => {
                ImageBytes::sent_here(file::from_body(self.app, body, self.deadline).await?)
            }
            Some(ImageOrigin::Bytes(bytes)) => ImageBytes::sent_here(bytes),
            None => return Err(Fault::bug(Stage::Fetch)),
        };
        self.context.record.bytes = Some(image.bytes.len());
        Ok(Read::Came(image, Kept::Yes))
    }

    /// Downloads the image, unless its host says that it is still the one that was answered before.
    async fn fetch(
        &mut self,
        url: Url,
        looked_up: Option<(&Caching<'_>, Digest)>,
    ) -> Result<Read, Fault> {
        let requester = Requester {
            tenant: self.caller.tenant.clone(),
            purpose: Purpose::Realtime,
        };
        let earlier = self.earlier.take();
        let fetcher = &self.app.resources.fetcher;
        let validity = earlier.as_ref().map(|earlier| &earlier.validity);
        let fetched = fetcher
            .fetch(url, self.deadline, &requester, validity)
            .await;
        if let (Some((caching, url)), Err(fault)) = (looked_up, &fetched) {
            caching.cache.keep_dead(url, fault).await;
        }
        let Fetched {
            file,
            sent,
            validity,
        } = fetched?;
        let bytes = match (file, earlier, looked_up) {
            (File::Came(bytes), _, _) => bytes,
            (File::Unchanged, Some(earlier), Some((caching, url))) => {
                sent.decoded(DecoderImpact::Harmless);
                revalidation::keep(caching.cache, url, earlier.bytes, &validity).await;
                return Ok(Read::Unchanged(earlier.answered));
            }
            (File::Unchanged, _, _) => return Err(Fault::bug(Stage::Fetch)),
        };
        self.context.record.bytes = Some(bytes.len());
        let kept = match validity.fresh {
            Freshness::NotKept => Kept::No,
            Freshness::Unsaid | Freshness::For(_) | Freshness::AtMost(_) => Kept::Yes,
        };
        let image = ImageBytes {
            bytes,
            sent: Some(sent),
            validity: Some(validity),
        };
        Ok(Read::Came(image, kept))
    }

    /// The tiles of all models that are shown the picture, its own first.
    fn specs(&self) -> Vec<TileSpec> {
        AuxiliaryTile::tiles(&self.model, &self.beside)
    }

    /// By a reference that may change it: a body may go to another thread, but not be seen by two.
    async fn prepare(&mut self, image: ImageBytes) -> Result<Prepared, Fault> {
        let mut prepared = file::prepare(self.app, image, self.specs(), self.deadline).await?;
        prepared.facts.keep_exif_if(self.asked.features.exif);
        Ok(prepared)
    }

    async fn tag(self, prepared: Prepared, coming: PendingPublish) -> Result<Done, Fault> {
        let submitted = self.context.end(Stage::Prepare);
        self.app.admission.still_in_time(left(self.deadline))?;
        let key = ResultKey {
            tenant: self.caller.tenant.to_string(),
            id: self.context.id.to_string(),
        };
        let dispatcher = &self.app.dispatcher;
        let shed_caption =
            self.asked.features.caption && self.app.admission.sheds_caption(left(self.deadline));
        let mut job = dispatcher.job(key, &self.model.id.name, self.asked, prepared.tile);
        job.shed_caption = shed_caption;
        job.also = AuxiliaryTile::all(self.beside, prepared.also);
        job.carry(prepared.pixels);
        drop(coming);
        let returned = dispatcher
            .submit_and_wait(Priority::Realtime, job, submitted, self.deadline)
            .await?;
        Ok(Done {
            facts: prepared.facts,
            tagged: self.context.receive(returned)?,
            cached: None,
            etag: None,
            exif: None,
        })
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
