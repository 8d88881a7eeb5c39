//! Results on their way back: stored under a key first, then announced, so
//! that a lost announcement costs a look at the key and nothing more. Also
//! what workers say of themselves, and the clock that the fleet shares.

mod bucket;
mod config;
mod memory;
mod redis;
mod waiters;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::seal::Seal;

pub use bucket::{Bucket, Taken};
pub use config::BusConfig;
pub use waiters::Waiter;

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("bus URL `{0}` is not one of redis://…, rediss://… and memory:")]
    Url(String),
    #[error("--bus-ca-file cannot be used: {0}")]
    CaFile(String),
    #[error("too many requests wait for results")]
    TooManyWaiters,
    #[error("this id is being waited for already")]
    Duplicate,
    #[error("the result store cannot be reached: {0}")]
    Unavailable(String),
}

impl BusError {
    /// Returns whether a later try may go better although nobody changes a setting.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Url(_) | Self::CaFile(_))
    }
}

impl BusConfig {
    /// Host and port of Redis.
    pub fn server(&self) -> String {
        match self.bus_url.as_str() {
            "memory:" => "memory".to_owned(),
            url => redis::server(url).unwrap_or_else(|| "an unreadable URL".to_owned()),
        }
    }
}

/// A migrator waits a minute for a result, and a broker takes a minute for dead before it gives its shard to the next one.
/// Whoever has it then finds what was done.
const BULK_RESULT_TTL: Duration = Duration::from_secs(150);

/// Whose result, of which job. Tenants never share a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResultKey {
    pub tenant: String,
    pub id: String,
}

#[derive(Clone, Debug)]
pub struct Bus {
    backend: Backend,
    result_ttl: Duration,
}

#[derive(Clone, Debug)]
enum Backend {
    Memory(memory::Memory),
    Redis(redis::Redis),
}

impl Bus {
    /// Connects, or fails within some seconds; it tries once. A connection lost later is rebuilt by itself.
    pub async fn connect(config: &BusConfig) -> Result<Self, BusError> {
        let backend = match config.bus_url.as_str() {
            "memory:" => Backend::Memory(memory::Memory::new(config)),
            url if url.starts_with("redis://") || url.starts_with("rediss://") => {
                Backend::Redis(redis::Redis::connect(config).await?)
            }
            other => return Err(BusError::Url(crate::config::scheme_of(other))),
        };
        Ok(Self {
            backend,
            result_ttl: Duration::from_secs(config.result_ttl_s),
        })
    }

    /// Stores the result, then announces it to the inbox `reply_to`. When this
    /// returns `Ok`, the job may be acknowledged.
    pub async fn store_result(
        &self,
        reply_to: &str,
        key: &ResultKey,
        payload: Bytes,
    ) -> Result<(), BusError> {
        self.store_result_for(reply_to, key, payload, self.result_ttl)
            .await
    }

    /// The same with a result of a batch. Nobody reads it again once its migrator has it, and there are many of them.
    pub async fn store_bulk_result(
        &self,
        reply_to: &str,
        key: &ResultKey,
        payload: Bytes,
    ) -> Result<(), BusError> {
        let ttl = self.result_ttl.min(BULK_RESULT_TTL);
        self.store_result_for(reply_to, key, payload, ttl).await
    }

    async fn store_result_for(
        &self,
        reply_to: &str,
        key: &ResultKey,
        payload: Bytes,
        ttl: Duration,
    ) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => memory.store_result(reply_to, key, payload, ttl),
            Backend::Redis(redis) => redis.store_result(reply_to, key, payload, ttl).await,
        }
    }

    /// A stored result, until its time to live is over.
    pub async fn result(&self, key: &ResultKey) -> Result<Option<Bytes>, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.result(key)),
            Backend::Redis(redis) => redis.result(key).await,
        }
    }

    /// Lets a result live as long as a new one. Returns whether there is one: that may know who may not read it.
    pub async fn renew_result(&self, key: &ResultKey) -> Result<bool, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.renew_result(key, self.result_ttl)),
            Backend::Redis(redis) => redis.renew_result(key, self.result_ttl).await,
        }
    }

    /// Keeps what a job comes to if nothing better is stored in time: its tags, while its caption is being
    /// written elsewhere. Announced to nobody, and found under no result's key.
    pub async fn store_provisional(
        &self,
        key: &ResultKey,
        payload: Bytes,
        ttl: Duration,
    ) -> Result<(), BusError> {
        self.remember(&provisional(key), payload, ttl).await
    }

    pub async fn provisional(&self, key: &ResultKey) -> Result<Option<Bytes>, BusError> {
        self.recall(&provisional(key)).await
    }

    /// Says that nobody waits for a job any more, for `ttl`. Nobody is told: workers ask, so that it costs the same
    /// however many they are. A result that is there stays.
    pub async fn cancel(&self, key: &ResultKey, ttl: Duration) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.cancel(key, ttl);
                Ok(())
            }
            Backend::Redis(redis) => redis.cancel(key, ttl).await,
        }
    }

    /// Returns which of the jobs are cancelled, in their order.
    pub async fn cancelled(&self, keys: &[ResultKey]) -> Result<Vec<bool>, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.cancelled(keys)),
            Backend::Redis(redis) => redis.cancelled(keys).await,
        }
    }

    /// Opens the inbox that jobs name as `reply_to`. One for each API server.
    pub async fn open_inbox(&self, name: &str) -> Result<Inbox, BusError> {
        let (waiters, subscription) = match &self.backend {
            Backend::Memory(memory) => (memory.open_inbox(name), None),
            Backend::Redis(redis) => {
                let subscription = redis.open_inbox(name).await?;
                (subscription.waiters.clone(), Some(subscription))
            }
        };
        Ok(Inbox {
            name: name.to_owned(),
            waiters,
            _subscription: subscription,
        })
    }

    /// Says `payload` of oneself under `kind`, forgotten after `ttl` unless said again.
    pub async fn announce(
        &self,
        kind: &str,
        id: &str,
        payload: Bytes,
        ttl: Duration,
    ) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.announce(kind, id, payload, ttl);
                Ok(())
            }
            Backend::Redis(redis) => redis.announce(kind, id, payload, ttl).await,
        }
    }

    /// Takes back what was announced.
    pub async fn withdraw(&self, kind: &str, id: &str) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.withdraw(kind, id);
                Ok(())
            }
            Backend::Redis(redis) => redis.withdraw(kind, id).await,
        }
    }

    /// All that is announced under `kind` now, in no order.
    pub async fn announced(&self, kind: &str) -> Result<Vec<Bytes>, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.announced(kind)),
            Backend::Redis(redis) => redis.announced(kind).await,
        }
    }

    /// Keeps `payload` for whoever asks for `key`, until `ttl` has passed or room is needed.
    pub async fn remember(&self, key: &str, payload: Bytes, ttl: Duration) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.remember(key, payload, ttl);
                Ok(())
            }
            Backend::Redis(redis) => redis.remember(key, &payload, ttl).await,
        }
    }

    pub async fn recall(&self, key: &str) -> Result<Option<Bytes>, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.recall(key)),
            Backend::Redis(redis) => redis.recall(key).await,
        }
    }

    /// Returns whether the caller is now the one in the fleet who works on `key`, for
    /// `ttl` at the most. It saves work and guarantees nothing: after a loss two may be.
    pub async fn claim(&self, key: &str, ttl: Duration) -> Result<bool, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.claim(key, ttl)),
            Backend::Redis(redis) => redis.claim(key, ttl).await,
        }
    }

    /// Has a claim last for `ttl` from now.
    pub async fn renew_claim(&self, key: &str, ttl: Duration) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.renew_claim(key, ttl);
                Ok(())
            }
            Backend::Redis(redis) => redis.renew_claim(key, ttl).await,
        }
    }

    /// Gives a claim back.
    pub async fn release(&self, key: &str) -> Result<(), BusError> {
        match &self.backend {
            Backend::Memory(memory) => {
                memory.release(key);
                Ok(())
            }
            Backend::Redis(redis) => redis.release(key).await,
        }
    }

    /// Takes as many as there are, `most` at the most, out of a bucket that the whole fleet shares.
    pub async fn take(&self, key: &str, bucket: &Bucket, most: u32) -> Result<Taken, BusError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.take(key, bucket, most)),
            Backend::Redis(redis) => redis.take(key, bucket, most).await,
        }
    }

    /// Microseconds since 1970 by the clock that the fleet shares (the Redis
    /// server's; this host's for `memory:`), so that hosts need not agree.
    pub fn now_us(&self) -> u64 {
        match &self.backend {
            Backend::Memory(_) => host_clock_us(),
            Backend::Redis(redis) => redis.now_us(),
        }
    }

    /// Returns the same in seconds.
    pub fn now_s(&self) -> u64 {
        self.now_us() / 1_000_000
    }

    /// Returns whether a result now could be stored and heard of.
    pub fn is_ready(&self) -> bool {
        match &self.backend {
            Backend::Memory(_) => true,
            Backend::Redis(redis) => redis.is_ready(),
        }
    }
}

/// Where one API server hears of its results.
#[derive(Clone, Debug)]
pub struct Inbox {
    name: String,
    waiters: waiters::Waiters,
    /// Lasts as long as anyone can register.
    _subscription: Option<Arc<redis::Subscription>>,
}

impl Inbox {
    /// The `reply_to` of jobs whose results shall come here.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Registers interest; do this before the job is published, so that no
    /// answer can come too early.
    pub fn register(&self, key: ResultKey) -> Result<Waiter, BusError> {
        self.waiters.register(key, None)
    }

    /// The same, for a result that is to bear `seal`. Others are as good as none.
    pub fn register_sealed(&self, key: ResultKey, seal: Seal) -> Result<Waiter, BusError> {
        self.waiters.register(key, Some(seal))
    }

    /// Open waiters: 0 when nobody waits.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn provisional(ResultKey { tenant, id }: &ResultKey) -> String {
    format!("provisional:{}:{tenant}:{id}", tenant.len())
}

fn host_clock_us() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_micros() as u64)
}
