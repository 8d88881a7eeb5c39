//! What was answered once is not worked out again: by the image's URL, by its
//! bytes, and by its tile, which re-encoded and re-hosted copies share. And
//! what many ask for at the same time is worked out once ([`Flights`]).

mod config;
mod entry;
mod flights;
mod key;
mod layers;
mod metrics;
mod replays;
mod share;
#[cfg(test)]
mod tests;

use std::time::Duration;

use common::{
    bus::{Bus, BusError},
    fault::Fault,
};

pub use config::{Bulk, CacheConfig, Isolation};
pub use entry::{Answered, Copy, Validators, is_complete, is_dead};
pub use flights::{Claim, Flight, Flights, Lead, landing};
pub use key::{AnswerKey, Digest, Scope};
pub use layers::InMemory;
pub use metrics::{Role, describe as describe_metrics};
pub use replays::{Asked, First, Replay, Replayed, Replays};

use entry::UrlEntry;
use key::Clearings;
use layers::Layers;
use share::Share;

/// By what an answer was found.
#[derive(Clone, ::core::marker::Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Url,
    Bytes,
    Tile,
    /// The request's `Idempotency-Key`.
    Key,
}

impl Layer {
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Bytes => "bytes",
            Self::Tile => "tile",
            Self::Key => "key",
        }
    }
}

/// What a flight for an image came to. Whatever is true of the image is true for all who ask.
pub type Landed = Result<Answered, Fault>;

/// The cache of results, in this process's memory before the fleet's.
#[derive(Clone, Debug)]
pub struct Cache {
    layers: Layers,
    /// One for each image that nobody has an answer for yet.
    pub flights: Flights<Landed>,
    clearings: Clearings,
    isolation: Isolation,
    ttl: Duration,
    url_ttl: Duration,
    dead_ttl: Duration,
    bulk: Bulk,
    share: Share,
}

/// What is known of a URL.
#[derive(Debug)]
pub enum AtUrl {
    /// What was answered for the file, which counts as unchanged.
    Answered(Answered),
    /// It led nowhere a moment ago.
    Dead(Fault),
    /// The same, if the host says that the file is unchanged.
    Stale {
        copy: Copy,
        answered: Answered,
    },
    Unknown,
}

impl AtUrl {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Answered(_) => "hit",
            Self::Dead(_) => "dead",
            Self::Stale { .. } => "stale",
            Self::Unknown => "miss",
        }
    }
}

impl Cache {
    /// Returns nothing where the cache is off.
    pub fn open(config: &CacheConfig, bus: Bus) -> Option<Self> {
        config.cache.is_on().then(|| Self {
            layers: Layers::new(config, bus.clone()),
            flights: Flights::new(bus.clone()),
            clearings: Clearings::new(bus, Duration::from_secs(config.cache_ttl_s)),
            isolation: config.cache_isolation,
            ttl: Duration::from_secs(config.cache_ttl_s),
            url_ttl: Duration::from_secs(config.cache_url_ttl_s),
            dead_ttl: Duration::from_secs(config.cache_dead_ttl_s),
            bulk: config.cache_bulk,
            share: Share::new(
                config.cache_bulk_mib << 20,
                Duration::from_secs(config.cache_ttl_s),
            ),
        })
    }

    /// Returns what batches do with it.
    pub fn bulk(&self) -> Bulk {
        self.bulk
    }

    /// Returns which entries a tenant sees.
    pub async fn scope(&self, tenant: &str) -> Scope {
        let owner = self.owner(tenant);
        Scope::new(owner, self.clearings.last(owner).await)
    }

    /// Lets go of all that is kept for a tenant; within seconds, at all servers. Where tenants share their entries, all do.
    pub async fn clear(&self, tenant: &str) -> Result<(), BusError> {
        self.clearings.clear(self.owner(tenant)).await?;
        Ok(())
    }

    /// Returns when a tenant's entries were cleared last, by the fleet's clock; 0 if never.
    pub async fn cleared_at_us(&self, tenant: &str) -> u64 {
        self.clearings.last(self.owner(tenant)).await
    }

    /// Returns what this process holds.
    pub fn in_memory(&self) -> InMemory {
        self.layers.in_memory()
    }

    /// Returns how long an answer is kept.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Returns whether tenants share their entries.
    pub fn is_shared(&self) -> bool {
        self.isolation == Isolation::Shared
    }

    fn owner<'a>(&self, tenant: &'a str) -> &'a str {
        if self.is_shared() { "" } else { tenant }
    }

    /// Returns what is known of a URL.
    pub async fn at_url(&self, key: &AnswerKey, url: Digest) -> AtUrl {
        let known = self.look_at_url(key, url).await;
        metrics::looked(Layer::Url, known.outcome());
        if let AtUrl::Answered(answered) = &known {
            metrics::hit_age(answered.age());
        }
        known
    }

    /// The same for who has looked before, which is counted once.
    pub async fn look_at_url(&self, key: &AnswerKey, url: Digest) -> AtUrl {
        match self.layers.get(url).await {
            Some(UrlEntry::Nothing(fault)) => AtUrl::Dead(fault),
            Some(UrlEntry::File(copy)) => self.answered(key, copy).await,
            None => AtUrl::Unknown,
        }
    }

    async fn answered(&self, key: &AnswerKey, copy: Copy) -> AtUrl {
        let answered: Option<Answered> = self.layers.get(key.of_bytes(copy.bytes)).await;
        match answered {
            // Another question about a file that is known, or one whose answer is gone.
            None => AtUrl::Unknown,
            Some(answered) if copy.is_fresh() => AtUrl::Answered(answered),
            Some(answered) => AtUrl::Stale { copy, answered },
        }
    }

    /// Returns how long a file counts as unchanged where nobody vouches for it.
    pub fn url_ttl(&self) -> Duration {
        self.url_ttl
    }

    /// Keeps what lies at a URL. `fresh`: for how long its host vouches for it, where it said.
    pub async fn keep_copy(
        &self,
        url: Digest,
        bytes: Digest,
        validators: Validators,
        fresh: Option<Duration>,
    ) {
        let fresh = fresh.unwrap_or(self.url_ttl).min(self.ttl);
        let copy = UrlEntry::File(Copy::new(bytes, validators, fresh));
        self.layers.put(url, &copy, self.ttl).await;
    }

    /// Keeps for a moment that a URL leads nowhere.
    pub async fn keep_dead(&self, url: Digest, fault: &Fault) {
        if is_dead(fault) {
            let nothing = UrlEntry::Nothing(fault.clone());
            self.layers.put(url, &nothing, self.dead_ttl).await;
        }
    }

    /// Returns the answer for a file.
    pub async fn by_bytes(&self, key: &AnswerKey, bytes: Digest) -> Option<Answered> {
        let answered: Option<Answered> = self.layers.get(key.of_bytes(bytes)).await;
        metrics::looked(Layer::Bytes, metrics::outcome(answered.is_some()));
        if let Some(answered) = &answered {
            metrics::hit_age(answered.age());
        }
        answered
    }

    /// Returns what was answered for a tile of another file.
    pub async fn by_tile(&self, key: &AnswerKey, tile: Digest) -> Option<Answered> {
        let bytes: Option<Digest> = self.layers.get(key.of_tile(tile)).await;
        let answered: Option<Answered> = match bytes {
            Some(bytes) => self.layers.get(key.of_bytes(bytes)).await,
            None => None,
        };
        metrics::looked(Layer::Tile, metrics::outcome(answered.is_some()));
        answered
    }

    /// Keeps what a batch came to, if batches may fill the cache and have not had their share of it.
    pub async fn keep_bulk(&self, key: &AnswerKey, bytes: Digest, answered: &Answered) {
        if self.bulk == Bulk::Fill && is_complete(&answered.tagged) {
            let most = self.share.left();
            let kept = self
                .layers
                .put_within(most, key.of_bytes(bytes), answered, self.ttl);
            self.share.take(kept.await);
        }
    }

    /// Keeps an answer for a file, and for its tile where there is one, until it is as old as an answer may be.
    pub async fn keep(
        &self,
        key: &AnswerKey,
        bytes: Digest,
        tile: Option<Digest>,
        answered: &Answered,
    ) {
        let ttl = self.ttl.saturating_sub(answered.age());
        let by_bytes = self.layers.put(key.of_bytes(bytes), answered, ttl);
        match tile {
            Some(tile) => {
                let by_tile = self.layers.put(key.of_tile(tile), &bytes, ttl);
                tokio::join!(by_bytes, by_tile);
            }
            None => by_bytes.await,
        }
    }
}
