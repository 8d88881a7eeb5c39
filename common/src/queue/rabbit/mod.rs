//! The queue at RabbitMQ (3.10 to 4.x). One connection publishes, each
//! consumer has another: a blocked publisher must not keep acks from passing.
//! Each queue is made by whoever first uses it.

mod bundle;
mod comeback;
mod consumer;
mod credit;
mod envelope;
mod intake;
mod link;
mod outbox;
mod publisher;
mod receipt;
mod retries;
mod shards;
mod source;
mod stop;
mod topology;
mod transport;

use std::{fmt, net::Ipv6Addr, num::NonZeroU16, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lapin::{
    BasicProperties,
    uri::{AMQPScheme, AMQPUri},
};
use rustls::ClientConfig;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::{Host, Url};

pub use consumer::Consumer;
pub use credit::Credit;
pub use outbox::{Due, Outbox, pace};
pub use receipt::Receipt;
pub use shards::Consumer as ShardConsumer;

use super::{Depth, JobQueue, Message, QueueConfig, QueueError, QueueId};
use crate::shutdown::Shutdown;
use link::Link;
use publisher::Publisher;
use topology::{QueueRole, Topology};

/// For all tasks to say good-bye to the broker.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// A cluster whose nodes share a busy processor takes seconds to make a quorum queue.
const SET_UP_WITHIN: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
pub struct Rabbit {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    broker: Arc<Broker>,
    publisher: Publisher,
    max_attempts: u32,
    closed: CancellationToken,
    tasks: TaskTracker,
}

/// Where the broker is, and what has to be there.
struct Broker {
    uri: AMQPUri,
    tls: Option<Arc<ClientConfig>>,
    topology: Topology,
}

fn ipv6_of(url: &str) -> Option<Ipv6Addr> {
    match Url::parse(url).ok()?.host()? {
        Host::Ipv6(address) => Some(address),
        Host::Domain(_) | Host::Ipv4(_) => None,
    }
}

impl Rabbit {
    pub fn connect<'a>(config: &'a QueueConfig) -> BoxFuture<'a, Result<Self, QueueError>> {
        Box::pin(async move {
            let scheme = || QueueError::Url(crate::config::scheme_of(&config.queue_url));
            let mut uri: AMQPUri = config.queue_url.parse().map_err(|_| scheme())?;
            // The parser knows names and IPv4 addresses alone, and takes `localhost` for any other host.
            if let Some(address) = ipv6_of(&config.queue_url) {
                uri.authority.host = address.to_string();
            }
            // What RabbitMQ's operator writes ends with a slash, and no virtual host has no name.
            if uri.vhost.is_empty() {
                uri.vhost = "/".to_owned();
            }
            let topology = Topology {
                prefix: config.queue_prefix.clone(),
                realtime: config.queue_realtime,
                declare: config.queue_declare,
                ensuring: Arc::default(),
            };
            let tls = match uri.scheme {
                AMQPScheme::AMQP => None,
                AMQPScheme::AMQPS => Some(
                    crate::tls::client(config.queue_ca_file.as_deref())
                        .map_err(|error| QueueError::CaFile(error.to_string()))?,
                ),
            };
            let broker = Arc::new(Broker { uri, tls, topology });
            let closed = CancellationToken::new();
            let tasks = TaskTracker::new();
            let publisher =
                Publisher::start(broker.clone(), config, closed.clone(), &tasks).await?;
            let inner = Inner {
                broker,
                publisher,
                max_attempts: config.queue_max_attempts,
                closed,
                tasks,
            };
            Ok(Self {
                inner: Arc::new(inner),
            })
        })
    }

    pub fn publish<'a>(
        &'a self,
        queue: QueueId,
        message: Message,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move { self.inner.publisher.publish_job(queue, message).await })
    }

    pub fn declare<'a>(&'a self) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move { self.inner.publisher.declare().await })
    }

    pub fn lost_for<'a>(&'a self, time: Duration) -> BoxFuture<'a, ()> {
        Box::pin(async move { self.inner.publisher.lost_for(time).await })
    }

    pub fn set_bundles(&self, known: bool) {
        self.inner.publisher.set_bundles(known);
    }

    pub fn publish_shard<'a>(&'a self, payload: Bytes) -> BoxFuture<'a, Result<(), QueueError>> {
        Box::pin(async move {
            // Quorum queues keep every message on disk, whatever its mode.
            let properties = BasicProperties::default().with_delivery_mode(2);
            self.inner
                .publisher
                .publish_shard(payload, properties)
                .await
        })
    }

    pub fn consume_shards(&self, prefetch: NonZeroU16, shutdown: Shutdown) -> ShardConsumer {
        shards::start(self.inner.clone(), prefetch.get(), shutdown)
    }

    pub fn shard_depth<'a>(&'a self) -> BoxFuture<'a, Result<Depth, QueueError>> {
        Box::pin(async move { self.inner.publisher.depth(QueueRole::Shards).await })
    }

    /// To AMQP, a prefetch of 0 means no limit.
    pub fn consume(&self, queue: JobQueue, prefetch: NonZeroU16, shutdown: Shutdown) -> Consumer {
        intake::start(self.inner.clone(), queue, prefetch.get(), shutdown)
    }

    pub fn depth<'a>(&'a self, queue: QueueId) -> BoxFuture<'a, Result<Depth, QueueError>> {
        Box::pin(async move {
            let fresh = self.inner.publisher.depth(QueueRole::Jobs(queue)).await?;
            let retry = self.inner.publisher.depth(QueueRole::Retry(queue)).await?;
            Ok(Depth {
                messages: fresh.messages + retry.messages,
                consumers: fresh.consumers,
            })
        })
    }

    pub fn dead_letters<'a>(&'a self) -> BoxFuture<'a, Result<u64, QueueError>> {
        Box::pin(async move { Ok(self.inner.publisher.depth(QueueRole::Dead).await?.messages) })
    }

    pub fn is_ready(&self) -> bool {
        self.inner.publisher.is_ready()
    }

    pub fn close<'a>(&'a self) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.inner.closed.cancel();
            self.inner.tasks.close();
            if tokio::time::timeout(CLOSE_WITHIN, self.inner.tasks.wait())
                .await
                .is_err()
            {
                tracing::warn!("the broker did not answer our good-bye");
            }
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

impl Broker {
    async fn link(&self, role: &str) -> Result<Link, QueueError> {
        let name = format!("{} {role}", self.topology.prefix);
        let opened = Link::open(&self.uri, self.tls.clone(), &name).await;
        opened.map_err(|error| QueueError::Unavailable(format!("{}: {error}", self.server())))
    }

    /// Host and port.
    fn server(&self) -> String {
        let authority = &self.uri.authority;
        format!("{}:{}", authority.host, authority.port)
    }
}

/// Returns host and port of a broker's URL.
pub fn server(url: &str) -> Option<String> {
    let authority = url.parse::<AMQPUri>().ok()?.authority;
    Some(format!("{}:{}", authority.host, authority.port))
}

impl From<lapin::Error> for QueueError {
    fn from(error: lapin::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URI holds the password.
        f.debug_struct("Broker")
            .field("host", &self.uri.authority.host)
            .field("topology", &self.topology)
            .finish()
    }
}

/// Set-up steps, which a hung broker would keep waiting for ever.
async fn within<T, E: Into<QueueError>>(
    steps: impl Future<Output = Result<T, E>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(SET_UP_WITHIN, steps).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(QueueError::Unavailable(
            "the broker does not answer".to_owned(),
        )),
    }
}

fn lost() -> QueueError {
    QueueError::Unavailable("the connection is lost".to_owned())
}

fn ended() -> QueueError {
    QueueError::Unavailable("the broker ended the consumer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_may_be_named_by_its_ipv6_address() {
        let address = ipv6_of("amqps://user:secret@[fd00::5]:5671/%2f");
        assert_eq!(address, Some("fd00::5".parse().expect("an address")));
        for other in ["amqp://127.0.0.1", "amqp://broker:5672/%2f", "memory:"] {
            assert_eq!(ipv6_of(other), None, "{other}");
        }
    }
}
