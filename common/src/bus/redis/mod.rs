//! The bus at Redis (6 or later: announcements are pushed over RESP3).

mod announced;
mod buckets;
mod clock;
mod commands;
mod inbox;
mod kept;
mod keys;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::{
    Client, FromRedisValue, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates,
    aio::ConnectionManager,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{BusConfig, BusError, ResultKey, host_clock_us, waiters::Rules};
use commands::Commands;
pub use inbox::Subscription;
use keys::{Announcement, Keys};

const OPEN_WITHIN: Duration = Duration::from_secs(2);
/// For one answer on an open connection.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// For one call, including the wait for a connection that is being rebuilt.
const CALL_WITHIN: Duration = Duration::from_secs(2);
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    /// Host and port.
    server: String,
    client: Client,
    commands: Commands,
    keys: Keys,
    rules: Rules,
    /// Whether Redis takes what is to be stored, by its pulse.
    up: AtomicBool,
    /// What the host's clock lacks to Redis's, microseconds.
    clock_offset_us: AtomicI64,
    inboxes: Mutex<HashMap<String, Weak<Subscription>>>,
    closed: CancellationToken,
}

impl Redis {
    pub fn connect<'a>(config: &'a BusConfig) -> BoxFuture<'a, Result<Self, BusError>> {
        Box::pin(async move {
            crate::tls::install_provider();
            let client = client(config)?;
            let server = client.get_connection_info().addr().to_string();
            let commands = commands::connect(&client)
                .await
                .map_err(|error| BusError::Unavailable(format!("{server}: {error}")))?;
            let inner = Inner {
                server,
                commands: Commands::new(client.clone(), commands),
                client,
                keys: Keys::new(&config.bus_prefix),
                rules: Rules::new(config),
                up: AtomicBool::new(true),
                clock_offset_us: AtomicI64::new(0),
                inboxes: Mutex::default(),
                closed: CancellationToken::new(),
            };
            let redis = Self {
                inner: Arc::new(inner),
            };
            redis.inner.set_clock().await?;
            let closed = redis.inner.closed.clone();
            tokio::spawn(
                closed.run_until_cancelled_owned(clock::keep(Arc::downgrade(&redis.inner))),
            );
            Ok(redis)
        })
    }

    pub fn store_result<'a>(
        &'a self,
        reply_to: &'a str,
        key: &'a ResultKey,
        payload: Bytes,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let keys = &self.inner.keys;
            let announcement = Announcement::of(key, &payload);
            // No transaction: one connection keeps the order, and who is told of a result that is refused only has it
            // sooner. The job keeps its result until it is stored.
            let mut both = redis::pipe();
            both.cmd("SET")
                .arg(keys.result(key))
                .arg(&*payload)
                .arg("EX")
                .arg(ttl.as_secs())
                .ignore();
            both.cmd("PUBLISH")
                .arg(keys.inbox(reply_to))
                .arg(announcement)
                .ignore();
            self.inner
                .call(async |mut commands| both.query_async::<()>(&mut commands).await)
                .await
        })
    }

    pub fn result<'a>(
        &'a self,
        key: &'a ResultKey,
    ) -> BoxFuture<'a, Result<Option<Bytes>, BusError>> {
        Box::pin(async move {
            let key = self.inner.keys.result(key);
            self.inner.get(&key).await
        })
    }

    /// By a command that needs the right to write, and none to read.
    pub fn renew_result<'a>(
        &'a self,
        key: &'a ResultKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool, BusError>> {
        Box::pin(async move {
            let mut expire = redis::cmd("EXPIRE");
            expire.arg(self.inner.keys.result(key)).arg(ttl.as_secs());
            self.inner.ask(&expire).await
        })
    }

    pub fn cancel<'a>(
        &'a self,
        key: &'a ResultKey,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<(), BusError>> {
        Box::pin(async move {
            let mut set = redis::cmd("SET");
            set.arg(self.inner.keys.cancelled(key))
                .arg(1)
                .arg("PX")
                .arg(millis(ttl));
            self.inner.ask::<()>(&set).await
        })
    }

    pub fn cancelled<'a>(
        &'a self,
        keys: &'a [ResultKey],
    ) -> BoxFuture<'a, Result<Vec<bool>, BusError>> {
        Box::pin(async move {
            let mut get = redis::cmd("MGET");
            for key in keys {
                get.arg(self.inner.keys.cancelled(key));
            }
            let found: Vec<Option<u8>> = self.inner.ask(&get).await?;
            Ok(found.iter().map(Option::is_some).collect())
        })
    }

    pub fn open_inbox<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<Subscription>, BusError>> {
        Box::pin(async move {
            let open = self.inner.inboxes().get(name).and_then(Weak::upgrade);
            if let Some(open) = open {
                return Ok(open);
            }
            let subscription = Arc::new(Subscription::open(&self.inner, name).await?);
            let mut inboxes = self.inner.inboxes();
            inboxes.retain(|_, open| open.strong_count() > 0);
            inboxes.insert(name.to_owned(), Arc::downgrade(&subscription));
            Ok(subscription)
        })
    }

    pub fn now_us(&self) -> u64 {
        host_clock_us().saturating_add_signed(self.inner.clock_offset_us.load(Relaxed))
    }

    pub fn is_ready(&self) -> bool {
        let inboxes = self.inner.inboxes();
        let mut open = inboxes.values().filter_map(Weak::upgrade);
        self.inner.up.load(Relaxed) && open.all(|inbox| inbox.is_subscribed())
    }
}

/// Returns host and port of a URL of Redis.
pub fn server(url: &str) -> Option<String> {
    let info = url.into_connection_info().ok()?;
    Some(info.addr().to_string())
}

fn client(config: &BusConfig) -> Result<Client, BusError> {
    let url = config.bus_url.as_str();
    let scheme = |_| BusError::Url(crate::config::scheme_of(url));
    let unusable = |error: &dyn fmt::Display| BusError::CaFile(error.to_string());
    let authorities = crate::tls::authorities(config.bus_ca_file.as_deref());
    match authorities.map_err(|error| unusable(&error))? {
        Some(authorities) if url.starts_with("rediss://") => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(authorities.into_bytes()),
            };
            let info = url.into_connection_info().map_err(scheme)?;
            Client::build_with_tls(info, certificates).map_err(|error| unusable(&error))
        }
        _ => Client::open(url).map_err(scheme),
    }
}

impl Inner {
    async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, BusError> {
        self.call(async |mut commands| command.query_async(&mut commands).await)
            .await
    }

    /// What lies at a key.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, BusError> {
        let found: Option<Vec<u8>> = self.ask(redis::cmd("GET").arg(key)).await?;
        Ok(found.map(Bytes::from))
    }

    /// Within a bound. A server that is no master any more is left for the one that its name leads to by now.
    async fn call<T>(
        &self,
        ask: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, BusError> {
        let answer = timeout(CALL_WITHIN, ask(self.commands.current())).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(RedisError::from(std::io::Error::from(
                std::io::ErrorKind::TimedOut,
            )))
        });
        answer.map_err(|error| {
            if commands::stores_nothing(&error) {
                self.commands.reconnect();
            }
            unavailable(error)
        })
    }

    fn inboxes(&self) -> MutexGuard<'_, HashMap<String, Weak<Subscription>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client knows the password.
        f.debug_struct("Redis")
            .field("keys", &self.inner.keys)
            .finish_non_exhaustive()
    }
}

fn unavailable(error: RedisError) -> BusError {
    BusError::Unavailable(error.to_string())
}

/// Redis takes no time to live of 0.
fn millis(ttl: Duration) -> u64 {
    (ttl.as_millis() as u64).max(1)
}
