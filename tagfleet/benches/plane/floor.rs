//! What the same bytes cost at the least: published with a confirm, consumed,
//! stored and announced, acknowledged, heard of. No HTTP, no job, no code of
//! the fleet; lapin and redis as they come.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeclareOptions,
    },
    types::FieldTable,
};
use loadtest::{
    cpu::Processes,
    load::{Arrivals, Pace, Shape},
    outcome::Latencies,
};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, Value, aio::MultiplexedConnection};

const QUEUE: &str = "floor";
const CHANNEL: &str = "floor";
/// What a job has beside its tile.
const JOB_BYTES: usize = 260;
/// A result with some tags.
const RESULT_BYTES: usize = 900;
/// As many as a worker of the benchmark takes.
const PREFETCH: u16 = 128;
/// For the last message.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Floor {
    pub moved: u64,
    pub latencies: Latencies,
    pub before: Processes,
    pub after: Processes,
}

/// Since when each message is under way, and how long those took that came back.
#[derive(Default)]
struct Waiting {
    due: HashMap<u64, Instant>,
    latencies: Latencies,
}

type Shared = Arc<Mutex<Waiting>>;

pub async fn run(
    amqp: &str,
    redis: &str,
    rate: f64,
    lasts: Duration,
    tile_bytes: usize,
) -> anyhow::Result<Floor> {
    let waiting = Shared::default();
    let publisher = channel(amqp).await?;
    publisher
        .queue_declare(
            QUEUE.into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await?;
    publisher
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let consuming = tokio::spawn(consume(channel(amqp).await?, results(redis).await?));
    let _hearing = hear(redis, waiting.clone()).await?;

    let before = Processes::look();
    let start = Instant::now();
    let pace = Pace::new()?;
    let payload = vec![b'x'; tile_bytes + JOB_BYTES];
    let mut moved = 0;
    for (number, due) in Arrivals::new(Shape::Poisson(rate), lasts, 1).enumerate() {
        pace.until(start + due).await?;
        let channel = publisher.clone();
        let number = number as u64;
        lock(&waiting).due.insert(number, start + due);
        let mut message = payload.clone();
        message[..8].copy_from_slice(&number.to_be_bytes());
        tokio::spawn(async move { publish(&channel, &message).await });
        moved += 1;
    }
    let ends = Instant::now() + PATIENCE;
    while !lock(&waiting).due.is_empty() && Instant::now() < ends {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let after = Processes::look();
    let left = lock(&waiting).due.len();
    anyhow::ensure!(left == 0, "the floor lost {left} messages");
    consuming.abort();
    let latencies = lock(&waiting).latencies.clone();
    Ok(Floor {
        moved,
        latencies,
        before,
        after,
    })
}

fn lock(waiting: &Shared) -> std::sync::MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a connection of its own.
async fn channel(amqp: &str) -> lapin::Result<Channel> {
    let connection = Connection::connect(amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // It lives as long as the process.
    std::mem::forget(connection);
    Ok(channel)
}

async fn publish(channel: &Channel, message: &[u8]) -> lapin::Result<()> {
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    let properties = BasicProperties::default().with_delivery_mode(1);
    channel
        .basic_publish("".into(), QUEUE.into(), options, message, properties)
        .await?
        .await
        .map(drop)
}

async fn results(redis: &str) -> redis::RedisResult<MultiplexedConnection> {
    redis::Client::open(redis)?
        .get_multiplexed_async_connection()
        .await
}

async fn consume(channel: Channel, results: MultiplexedConnection) -> lapin::Result<()> {
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries = channel
        .basic_consume(QUEUE.into(), "".into(), options, FieldTable::default())
        .await?;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let mut results = results.clone();
        tokio::spawn(async move {
            let mut result = vec![b'r'; RESULT_BYTES];
            result[..8].copy_from_slice(&delivery.data[..8]);
            let mut both = redis::pipe();
            let number = u64::from_be_bytes(result[..8].try_into().expect("eight bytes"));
            both.cmd("SET")
                .arg(format!("floor:{number}"))
                .arg(&result)
                .arg("EX")
                .arg(600)
                .ignore();
            both.cmd("PUBLISH").arg(CHANNEL).arg(&result).ignore();
            both.query_async::<()>(&mut results)
                .await
                .expect("redis takes it");
            delivery
                .acker
                .ack(BasicAckOptions::default())
                .await
                .expect("the broker takes it");
        });
    }
    Ok(())
}

async fn hear(redis: &str, waiting: Shared) -> redis::RedisResult<MultiplexedConnection> {
    let heard = move |push: PushInfo| {
        if let (PushKind::Message, Some(Value::BulkString(result))) = (push.kind, push.data.get(1))
            && let Some(number) = result.first_chunk::<8>()
        {
            let mut waiting = lock(&waiting);
            if let Some(due) = waiting.due.remove(&u64::from_be_bytes(*number)) {
                waiting.latencies.record(due.elapsed());
            }
        }
        Ok::<_, redis::aio::SendError>(())
    };
    let config = AsyncConnectionConfig::new().set_push_sender(heard);
    let client = redis::Client::open(format!("{redis}?protocol=resp3"))?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    connection.subscribe(CHANNEL).await?;
    Ok(connection)
}
