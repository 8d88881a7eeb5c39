//! The queues at the broker: the queues, for each of them the jobs to be tried
//! again, the dead letters, and the shards of migrations.

use lapin::{
    Channel,
    options::QueueDeclareOptions,
    types::{AMQPValue, FieldTable},
};

use crate::queue::{DEAD_LETTERS_KEPT, Depth, QueueId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Jobs(QueueId),
    /// Jobs with one attempt left. Apart, because they are fetched one at a time and run alone.
    Retry(QueueId),
    Dead,
    Shards,
}

/// RabbitMQ 4 drops what was delivered 20 times unless told otherwise. A shard comes back whenever a migrator is
/// restarted; one that comes back for ever is found by looking for batches that stand still.
const SHARD_DELIVERIES: i32 = 1_000;

impl Place {
    fn all() -> impl Iterator<Item = Place> {
        let queues = QueueId::all().flat_map(|queue| [Place::Jobs(queue), Place::Retry(queue)]);
        queues.chain([Place::Dead, Place::Shards])
    }
}

#[derive(Clone, Debug)]
pub struct Topology {
    pub prefix: String,
    pub max_length: u32,
    /// Otherwise the queues have to be there: to look at one takes no permission at the broker.
    pub declare: bool,
}

impl Topology {
    pub fn queue(&self, place: Place) -> String {
        let prefix = &self.prefix;
        match place {
            Place::Jobs(queue) => format!("{prefix}.{}", queue.name()),
            Place::Retry(queue) => format!("{prefix}.{}.retry", queue.name()),
            Place::Dead => format!("{prefix}.dead"),
            Place::Shards => format!("{prefix}.shards"),
        }
    }

    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = QueueDeclareOptions {
            durable: true,
            passive: !self.declare,
            ..Default::default()
        };
        for place in Place::all() {
            channel
                .queue_declare(self.queue(place).into(), options, self.arguments(place))
                .await?;
        }
        Ok(())
    }

    pub async fn depth(&self, channel: &Channel, place: Place) -> lapin::Result<Depth> {
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

    fn arguments(&self, place: Place) -> FieldTable {
        // A full queue refuses, so that the API can; old dead letters make room for new ones.
        let (max_length, overflow) = match place {
            Place::Dead => (DEAD_LETTERS_KEPT as u32, "drop-head"),
            Place::Jobs(_) | Place::Retry(_) | Place::Shards => (self.max_length, "reject-publish"),
        };
        let kind = if place == Place::Shards {
            "quorum"
        } else {
            "classic"
        };
        let mut arguments = FieldTable::default();
        // Said, because a virtual host may have another default.
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        arguments.insert(
            "x-max-length".into(),
            AMQPValue::LongLongInt(max_length.into()),
        );
        arguments.insert("x-overflow".into(), AMQPValue::LongString(overflow.into()));
        if place == Place::Shards {
            arguments.insert(
                "x-delivery-limit".into(),
                AMQPValue::LongInt(SHARD_DELIVERIES),
            );
        }
        arguments
    }
}
