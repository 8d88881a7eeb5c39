//! The queues at the broker: those of jobs, for each of them the jobs to be tried
//! again, the dead letters, and the shards of migrations.

use std::sync::Arc;

use lapin::{
    Channel, ErrorKind,
    options::QueueDeclareOptions,
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable},
};

use tokio::sync::Mutex;

use super::Link;
use crate::queue::{DEAD_LETTERS_KEPT, Depth, Priority, QueueError, QueueId, QueueKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRole {
    Jobs(QueueId),
    /// Jobs with one attempt left. Apart, because they are fetched one at a time and run alone.
    Retry(QueueId),
    Dead,
    Shards,
}

/// RabbitMQ 4 drops what was delivered 20 times unless told otherwise. A shard comes back whenever a migrator is
/// restarted; one that comes back for ever is found by looking for batches that stand still. Of jobs we keep count.
const DELIVERIES: i32 = 1_000;

impl QueueRole {
    const COUNT: usize = 2 * QueueId::COUNT + 2;

    /// Lists all in the order of [`QueueRole::index`].
    pub fn all() -> impl Iterator<Item = QueueRole> {
        let jobs = QueueId::all().map(QueueRole::Jobs);
        let retries = QueueId::all().map(QueueRole::Retry);
        jobs.chain(retries)
            .chain([QueueRole::Dead, QueueRole::Shards])
    }

    pub fn index(self) -> usize {
        match self {
            QueueRole::Jobs(queue) => queue.index(),
            QueueRole::Retry(queue) => QueueId::COUNT + queue.index(),
            QueueRole::Dead => 2 * QueueId::COUNT,
            QueueRole::Shards => 2 * QueueId::COUNT + 1,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Topology {
    pub prefix: String,
    /// How the broker keeps the queues of real-time jobs.
    pub realtime: QueueKind,
    /// Otherwise the queues have to be there: to look at one takes no permission at the broker.
    pub declare: bool,
    /// Whoever makes sure of a queue holds its lock.
    pub ensuring: Arc<Locks>,
}

/// RabbitMQ shows a quorum queue before it can be used, and closes the connection of whoever consumes from it then. So
/// no other part of this process sees a queue that one of them is just making.
#[derive(Debug)]
pub struct Locks([Mutex<()>; QueueRole::COUNT]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Topology {
    pub fn queue(&self, place: QueueRole) -> String {
        let prefix = &self.prefix;
        match place {
            QueueRole::Jobs(queue) => format!("{prefix}.{}", queue.name()),
            QueueRole::Retry(queue) => format!("{prefix}.{}.retry", queue.name()),
            QueueRole::Dead => format!("{prefix}.dead"),
            QueueRole::Shards => format!("{prefix}.shards"),
        }
    }

    /// Makes the queue if it is not there, and returns what it holds. It is looked for first: to look takes no right at
    /// the broker.
    pub async fn ensure(&self, link: &Link, place: QueueRole) -> Result<Depth, QueueError> {
        let _alone = self.ensuring.0[place.index()].lock().await;
        let channel = link.channel().await?;
        let missing = match self.depth(&channel, place).await {
            Ok(depth) => return Ok(depth),
            Err(error) => error,
        };
        if !is_missing(&missing) {
            return Err(missing.into());
        }
        if !self.declare {
            return Err(QueueError::Missing(self.queue(place)));
        }
        // The refusal has closed the other one.
        self.declare_on(&link.channel().await?, place).await
    }

    /// Refuses a queue that is there already and is of another kind: published to, it would be lost with its node, or
    /// refuse by rules of its own. Whoever may not declare cannot tell.
    pub async fn verify(&self, link: &Link) -> Result<(), QueueError> {
        if !self.declare {
            return Ok(());
        }
        for place in QueueRole::all() {
            let channel = link.channel().await?;
            if self.depth(&channel, place).await.is_err() {
                continue;
            }
            if let Err(error @ QueueError::OtherKind { .. }) =
                self.declare_on(&channel, place).await
            {
                return Err(error);
            }
        }
        Ok(())
    }

    pub async fn depth(&self, channel: &Channel, place: QueueRole) -> lapin::Result<Depth> {
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let queue = channel
            .queue_declare(self.queue(place).into(), options, FieldTable::default())
            .await?;
        Ok(Depth {
            messages: queue.message_count().into(),
            consumers: queue.consumer_count().into(),
        })
    }

    async fn declare_on(&self, channel: &Channel, place: QueueRole) -> Result<Depth, QueueError> {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let name = self.queue(place);
        let declared = channel
            .queue_declare(name.clone().into(), options, self.arguments(place))
            .await;
        match declared {
            Ok(queue) => Ok(Depth {
                messages: queue.message_count().into(),
                consumers: queue.consumer_count().into(),
            }),
            Err(error) if is_refusal(&error, &AMQPSoftError::PRECONDITIONFAILED) => {
                Err(QueueError::OtherKind {
                    queue: name,
                    kind: self.kind(place).name(),
                    said: error.to_string(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn kind(&self, place: QueueRole) -> QueueKind {
        match place {
            QueueRole::Jobs(queue) | QueueRole::Retry(queue)
                if queue.priority == Priority::Realtime =>
            {
                self.realtime
            }
            _ => QueueKind::Quorum,
        }
    }

    /// No length is among them: it could not be changed while the fleet runs. Publishers keep it.
    fn arguments(&self, place: QueueRole) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut say = |name: &str, value: &str| {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        let kind = self.kind(place);
        // Said, because a virtual host may have another default.
        say("x-queue-type", kind.name());
        if kind == QueueKind::Quorum {
            // Else the node of whoever came first would lead them all.
            say("x-queue-leader-locator", "balanced");
            arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERIES));
        }
        if place == QueueRole::Dead {
            // Old dead letters make room for new ones.
            let kept = AMQPValue::LongLongInt(DEAD_LETTERS_KEPT as i64);
            arguments.insert("x-max-length".into(), kept);
        }
        arguments
    }
}

/// Tells that a queue is not there, from anything that happens to a connection.
pub fn is_missing(error: &lapin::Error) -> bool {
    is_refusal(error, &AMQPSoftError::NOTFOUND)
}

fn is_refusal(error: &lapin::Error, refusal: &AMQPSoftError) -> bool {
    match error.kind() {
        ErrorKind::ProtocolError(error) => {
            matches!(error.kind(), AMQPErrorKind::Soft(found) if found == refusal)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_a_place_of_its_own() {
        let places: Vec<_> = QueueRole::all().map(QueueRole::index).collect();
        assert_eq!(places, (0..QueueRole::COUNT).collect::<Vec<_>>());
    }
}
