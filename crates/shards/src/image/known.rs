//! Images of a batch that were tagged before: they cost a look into the cache.

use bytes::Bytes;
use cache::{AnswerKey, Answered, AtUrl, Bulk, Cache, Digest, Scope};
use common::{
    fault::Fault,
    image::{DecoderImpact, Facts},
    stage::Stage,
    wire::{ModelId, Tagged},
};
use fetch::{Fetched, File, Freshness, Requester, Sent};
use ledger::Request;
use resources::{
    Resources,
    revalidation::{self, Earlier},
};
use tokio::time::Instant;
use url::Url;

/// What came of reading an image.
pub enum Read {
    Came(ImageFile),
    Answered(Box<Answered>),
}

pub struct ImageFile {
    pub bytes: Bytes,
    /// To be told what became of it.
    pub sent: Sent,
    /// Set where its answer may be kept.
    pub digest: Option<Digest>,
}

/// The cache as a batch sees it; none where batches leave it alone.
pub struct Known<'a> {
    caching: Option<Caching<'a>>,
}

struct Caching<'a> {
    cache: &'a Cache,
    scope: Scope,
    key: AnswerKey,
}

impl<'a> Known<'a> {
    pub async fn of(
        resources: &'a Resources,
        request: &Request,
        models: impl Iterator<Item = &ModelId>,
    ) -> Self {
        let cache = resources.cache.as_ref();
        // What is kept of an answer has no scores.
        let is_of_use =
            |cache: &&Cache| cache.bulk() != Bulk::Off && !request.asked.features.scores;
        let cache = cache.filter(is_of_use);
        let Some(cache) = cache else {
            return Self { caching: None };
        };
        let scope = cache.scope(&request.tenant).await;
        let captioners = resources.fleet.captioners();
        let key = AnswerKey::new(&scope, models, &captioners, &request.asked);
        Self {
            caching: Some(Caching { cache, scope, key }),
        }
    }

    /// Downloads an image, unless it is known what was answered for it.
    pub async fn fetch(
        &self,
        resources: &Resources,
        url: Url,
        until: Instant,
        requester: &Requester,
    ) -> Result<Read, Fault> {
        let fetcher = &resources.fetcher;
        let Some(Caching { cache, scope, key }) = &self.caching else {
            let fetched = fetcher.fetch(url, until, requester, None).await?;
            return came(fetched, None);
        };
        let name = Digest::of_url(scope, url.as_str());
        let earlier = match cache.at_url(key, name).await {
            AtUrl::Answered(answered) => return Ok(Read::Answered(answered.into())),
            AtUrl::Stale { copy, answered } => revalidation::of(copy, answered),
            // A batch tries again on its own terms.
            AtUrl::Dead(_) | AtUrl::Unknown => None,
        };
        let validity = earlier.as_ref().map(|earlier| &earlier.validity);
        let fetched = fetcher.fetch(url, until, requester, validity).await?;
        looked_at(cache, key, fetched, earlier).await
    }

    /// Keeps an answer for whoever asks for the same file, within the share that batches have.
    pub async fn keep(&self, digest: Option<Digest>, facts: &Facts, tagged: &Tagged) {
        if let (Some(caching), Some(digest)) = (&self.caching, digest) {
            let Caching { cache, key, .. } = caching;
            let answered = Answered::new(facts.clone(), tagged.clone());
            cache.keep_bulk(key, digest, &answered).await;
        }
    }
}

async fn looked_at(
    cache: &Cache,
    key: &AnswerKey,
    fetched: Fetched,
    earlier: Option<Earlier>,
) -> Result<Read, Fault> {
    let bytes = match (&fetched.file, earlier) {
        (File::Came(bytes), _) => bytes.clone(),
        (File::Unchanged, Some(earlier)) => {
            fetched.sent.decoded(DecoderImpact::Harmless);
            return Ok(Read::Answered(earlier.answered.into()));
        }
        (File::Unchanged, None) => return Err(Fault::bug(Stage::Fetch)),
    };
    let digest = hashed(bytes).await?;
    if let Some(answered) = cache.by_bytes(key, digest).await {
        fetched.sent.decoded(DecoderImpact::Harmless);
        return Ok(Read::Answered(answered.into()));
    }
    let may_keep = fetched.validity.fresh != Freshness::NotKept;
    came(fetched, may_keep.then_some(digest))
}

fn came(fetched: Fetched, digest: Option<Digest>) -> Result<Read, Fault> {
    match fetched.file {
        File::Came(bytes) => Ok(Read::Came(ImageFile {
            bytes,
            sent: fetched.sent,
            digest,
        })),
        File::Unchanged => Err(Fault::bug(Stage::Fetch)),
    }
}

/// Off the threads that serve all other images.
async fn hashed(bytes: Bytes) -> Result<Digest, Fault> {
    let hashed = tokio::task::spawn_blocking(move || Digest::of(&bytes));
    hashed.await.map_err(|_| Fault::bug(Stage::Fetch))
}
