//! Jobs on their way to workers: at least once, bounded, acknowledged only
//! after the result is stored. RabbitMQ for a fleet, memory for one process;
//! `tests/queue_contract` holds both to the same promises.

mod config;
mod error;
mod memory;
mod models;
mod names;
mod rabbit;

use std::{num::NonZeroU16, time::Duration};

use bytes::Bytes;

pub use config::{QueueConfig, QueueKind};
pub use error::QueueError;
pub use names::{JobQueue, Priority};
pub use rabbit::{Credit, Due, Outbox, pace};

use crate::shutdown::Shutdown;
use models::ModelQueues;
use names::QueueId;

/// How a job is tried again that failed so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextTry {
    /// Like any other job.
    InCompany,
    /// This is the last one. Nobody else's job is in hand beside it: if it kills its worker, it takes no mate along, and if
    /// its mates killed workers before, it now shows that it does not.
    Alone,
    /// Never: it becomes a dead letter.
    None,
}

fn next_try(failed: u32, max_attempts: u32) -> NextTry {
    match max_attempts.saturating_sub(failed) {
        0 => NextTry::None,
        1 => NextTry::Alone,
        _ => NextTry::InCompany,
    }
}

/// Dead letters kept for a look; older ones make room.
const DEAD_LETTERS_KEPT: usize = 1_000;

impl QueueConfig {
    /// Host and port of the broker.
    pub fn server(&self) -> String {
        match self.queue_url.as_str() {
            "memory:" => "memory".to_owned(),
            url => rabbit::server(url).unwrap_or_else(|| "an unreadable URL".to_owned()),
        }
    }
}

/// What a publisher hands in.
#[derive(Clone, Debug)]
pub struct Message {
    pub payload: Bytes,
    /// Dropped undelivered after so long in the queue.
    pub ttl: Duration,
}

/// What a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Waiting, also for another try, not counting what is delivered and un-acked.
    pub messages: u64,
    pub consumers: u64,
}

#[derive(Clone, Debug)]
pub struct Queue {
    backend: Backend,
    models: ModelQueues,
}

#[derive(Clone, Debug)]
enum Backend {
    Memory(memory::Memory),
    Rabbit(rabbit::Rabbit),
}

impl Queue {
    /// Connects, or fails within some seconds; it tries once. Queues are looked for and made when they are first used, but
    /// one that is there and of another kind is told here. A lost connection is rebuilt by itself from then on; until it is,
    /// `publish` answers `Unavailable`.
    pub async fn connect(config: &QueueConfig) -> Result<Self, QueueError> {
        let backend = match config.queue_url.as_str() {
            "memory:" => Backend::Memory(memory::Memory::new(config)),
            url if url.starts_with("amqp://") || url.starts_with("amqps://") => {
                Backend::Rabbit(rabbit::Rabbit::connect(config).await?)
            }
            other => return Err(QueueError::Url(crate::config::scheme_of(other))),
        };
        Ok(Self {
            backend,
            models: ModelQueues::new(config),
        })
    }

    /// Returns what carries its messages, as OpenTelemetry calls it.
    pub fn system(&self) -> &'static str {
        match &self.backend {
            Backend::Memory(_) => "memory",
            Backend::Rabbit(_) => "rabbitmq",
        }
    }

    /// Returns the queues of one model alone, for those that serve it. They are opened once.
    pub async fn of_model(&self, model: &str) -> Result<Self, QueueError> {
        self.models.open(model).await
    }

    /// Makes all queues that are not there, whoever is to use them.
    pub async fn declare(&self) -> Result<(), QueueError> {
        match &self.backend {
            Backend::Memory(_) => Ok(()),
            Backend::Rabbit(rabbit) => rabbit.declare().await,
        }
    }

    /// Returns once the broker has taken the message into a queue.
    pub async fn publish(
        &self,
        queue: JobQueue,
        priority: Priority,
        message: Message,
    ) -> Result<(), QueueError> {
        let id = QueueId::new(queue, priority);
        match &self.backend {
            Backend::Memory(memory) => memory.publish(id, message),
            Backend::Rabbit(rabbit) => rabbit.publish(id, message).await,
        }
    }

    /// From now on jobs may share a message (`true`), or each has its own: what every reader knows. Memory needs no bundles.
    pub fn set_bundles(&self, known: bool) {
        if let Backend::Rabbit(rabbit) = &self.backend {
            rabbit.set_bundles(known);
        }
    }

    /// Takes the jobs of one queue, real-time ones first, with at most `prefetch` un-acked jobs of each priority handed
    /// out, and as many on the way. After `shutdown` it hands out what it holds, then ends.
    ///
    /// The last attempt of a job is handed out alone: the consumer waits until nothing else of its own is un-acked, and
    /// goes on when this one is. So never wait for a further delivery before you finish what you hold.
    pub fn consume(&self, queue: JobQueue, prefetch: NonZeroU16, shutdown: Shutdown) -> Consumer {
        let source = match &self.backend {
            Backend::Memory(memory) => {
                ConsumerBackend::Memory(memory.consume(queue, prefetch, shutdown))
            }
            Backend::Rabbit(rabbit) => {
                ConsumerBackend::Rabbit(rabbit.consume(queue, prefetch, shutdown))
            }
        };
        Consumer { source }
    }

    /// Announces a shard of a migration. Kept until it is acked, through the broker's restart too, and for as long as it takes.
    pub async fn publish_shard(&self, payload: Bytes) -> Result<(), QueueError> {
        match &self.backend {
            Backend::Memory(memory) => memory.shards.publish(payload),
            Backend::Rabbit(rabbit) => rabbit.publish_shard(payload).await,
        }
    }

    /// Takes shards, at most `prefetch` of them un-acked. Ends with `shutdown`; what is held stays held.
    pub fn consume_shards(&self, prefetch: NonZeroU16, shutdown: Shutdown) -> ShardConsumer {
        let source = match &self.backend {
            Backend::Memory(memory) => {
                ShardSource::Memory(memory.shards.consume(prefetch, shutdown))
            }
            Backend::Rabbit(rabbit) => {
                ShardSource::Rabbit(rabbit.consume_shards(prefetch, shutdown))
            }
        };
        ShardConsumer { source }
    }

    /// Shards that wait, and who takes them.
    pub async fn shard_depth(&self) -> Result<Depth, QueueError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.shards.depth()),
            Backend::Rabbit(rabbit) => rabbit.shard_depth().await,
        }
    }

    /// Returns whether whoever consumes shares this process's memory, and so takes tiles as pixels.
    pub fn shares_memory(&self) -> bool {
        matches!(self.backend, Backend::Memory(_))
    }

    /// Returns whether what is un-acked is lost with this process.
    pub fn forgets(&self) -> bool {
        matches!(self.backend, Backend::Memory(_))
    }

    pub async fn depth(&self, queue: JobQueue, priority: Priority) -> Result<Depth, QueueError> {
        let id = QueueId::new(queue, priority);
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.depth(id)),
            Backend::Rabbit(rabbit) => rabbit.depth(id).await,
        }
    }

    /// Returns how many dead letters are kept.
    pub async fn dead_letters(&self) -> Result<u64, QueueError> {
        match &self.backend {
            Backend::Memory(memory) => Ok(memory.dead_letters()),
            Backend::Rabbit(rabbit) => rabbit.dead_letters().await,
        }
    }

    /// Returns whether a publish now would find the broker.
    pub fn is_ready(&self) -> bool {
        match &self.backend {
            Backend::Memory(_) => true,
            Backend::Rabbit(rabbit) => rabbit.is_ready(),
        }
    }

    /// Returns once the broker could not be reached for so long. Whoever waits for the result of a job may wait in vain then.
    pub async fn lost_for(&self, time: Duration) {
        match &self.backend {
            Backend::Memory(_) => std::future::pending().await,
            Backend::Rabbit(rabbit) => rabbit.lost_for(time).await,
        }
    }

    /// Closes the connections: un-acked deliveries go back, consumers end. Call it when all is acked.
    pub async fn close(&self) {
        self.models.close().await;
        match &self.backend {
            Backend::Memory(_) => {}
            Backend::Rabbit(rabbit) => rabbit.close().await,
        }
    }
}

#[derive(Debug)]
pub enum Received {
    Delivery(Delivery),
    /// Delivered too often without an ack: put aside, and said here (at
    /// least once) so that whoever waits for it can be told.
    DeadLettered {
        payload: Bytes,
        attempts: u32,
    },
}

#[derive(Debug)]
pub struct Consumer {
    source: ConsumerBackend,
}

#[derive(Debug)]
enum ConsumerBackend {
    Memory(memory::Consumer),
    Rabbit(rabbit::Consumer),
}

impl Consumer {
    /// The next message; `None` after shutdown. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Received> {
        match &mut self.source {
            ConsumerBackend::Memory(consumer) => consumer.next().await,
            ConsumerBackend::Rabbit(consumer) => consumer.next().await,
        }
    }
}

/// One message in a worker's hands. Dropped without `ack`, it goes back to its queue.
#[derive(Debug)]
pub struct Delivery {
    pub priority: Priority,
    /// 1 at first sight; more after a worker died with it.
    pub attempt: u32,
    pub payload: Bytes,
    receipt: Receipt,
}

#[derive(Debug)]
enum Receipt {
    Memory(memory::Receipt),
    Rabbit(rabbit::Receipt),
}

impl Delivery {
    /// Done for good. `Ok(false)`: the connection went, it will be delivered again.
    /// RabbitMQ confirms no acks, so that after `Ok(true)` too it may come again.
    pub async fn ack(self) -> Result<bool, QueueError> {
        match self.receipt {
            Receipt::Memory(receipt) => Ok(receipt.ack()),
            Receipt::Rabbit(receipt) => Ok(receipt.ack()),
        }
    }
}

#[derive(Debug)]
pub struct ShardConsumer {
    source: ShardSource,
}

#[derive(Debug)]
enum ShardSource {
    Memory(memory::ShardConsumer),
    Rabbit(rabbit::ShardConsumer),
}

impl ShardConsumer {
    /// The next shard; `None` after shutdown. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ShardDelivery> {
        match &mut self.source {
            ShardSource::Memory(consumer) => consumer.next().await,
            ShardSource::Rabbit(consumer) => consumer.next().await,
        }
    }
}

/// A shard in a migrator's hands: its lease. Dropped without `ack`, it goes to
/// the next one; so does the shard of a process that died.
#[derive(Debug)]
pub struct ShardDelivery {
    pub attempt: u32,
    pub payload: Bytes,
    receipt: ShardReceipt,
}

#[derive(Debug)]
enum ShardReceipt {
    Memory(memory::ShardReceipt),
    Rabbit(rabbit::Receipt),
}

impl ShardDelivery {
    /// As [`Delivery::ack`].
    pub async fn ack(self) -> Result<bool, QueueError> {
        match self.receipt {
            ShardReceipt::Memory(receipt) => Ok(receipt.ack()),
            ShardReceipt::Rabbit(receipt) => Ok(receipt.ack()),
        }
    }
}
