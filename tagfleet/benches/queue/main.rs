//! What a message costs at the broker, by the kind of its queue. One RabbitMQ node, one publisher, one consumer that acks.
//! First as many messages as get through, then a steady rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Parser;
use common::{
    queue::{JobQueue, Message, Priority, Queue, QueueConfig, QueueKind, Received},
    shutdown::Shutdown,
};
use loadtest::cpu::Processes;
use testing::{
    bench::{percentile, report},
    servers::{RabbitMq, unique},
};
use tokio::{task::JoinSet, time::interval};

/// A tile as the API server encodes it.
const TILE_BYTES: usize = 20 << 10;
const PUBLISHERS: usize = 64;
const RATE: u32 = 500;

#[derive(Parser)]
struct Settings {
    /// How long each of the two loads lasts
    #[arg(long, env = "QUEUE_SECONDS", default_value_t = 10)]
    seconds: u64,
    #[arg(long, hide = true)]
    bench: bool,
    #[command(flatten)]
    queue: QueueConfig,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    let time = Duration::from_secs(settings.seconds);
    for kind in [QueueKind::Quorum, QueueKind::Classic] {
        let broker = RabbitMq::on_disk().await;
        let config = QueueConfig {
            queue_url: broker.url(),
            queue_prefix: unique("bench"),
            queue_realtime: kind,
            ..settings.queue.clone()
        };
        let queue = Queue::connect(&config).await?;
        let shutdown = Shutdown::new();
        let worker = tokio::spawn(work(queue.clone(), shutdown.clone()));
        publish(&queue).await?;
        let most = measure(&broker, as_many_as_get_through(&queue, time)).await?;
        let steady = measure(&broker, at_a_steady_rate(&queue, time)).await?;
        shutdown.cancel();
        worker.await?;
        queue.close().await;
        report(
            &format!("queue-{}", kind.name()),
            &[
                ("most_per_s", most.per_s),
                ("most_p99_ms", most.p99_ms),
                ("most_broker_us", most.broker_us),
                ("steady_per_s", steady.per_s),
                ("steady_p99_ms", steady.p99_ms),
                ("steady_broker_us", steady.broker_us),
            ],
        )?;
    }
    Ok(())
}

struct Measured {
    per_s: f64,
    /// From the call until the confirm.
    p99_ms: f64,
    /// Processor time of the broker for each message.
    broker_us: f64,
}

async fn measure(
    broker: &RabbitMq,
    load: impl Future<Output = anyhow::Result<Vec<f64>>>,
) -> anyhow::Result<Measured> {
    let before = Processes::look().group_s(broker.group());
    let start = Instant::now();
    let mut confirms_ms = load.await?;
    let took_s = start.elapsed().as_secs_f64();
    let used_s = Processes::look().group_s(broker.group()) - before;
    let messages = confirms_ms.len() as f64;
    confirms_ms.sort_by(f64::total_cmp);
    Ok(Measured {
        per_s: messages / took_s,
        p99_ms: percentile(&confirms_ms, 0.99),
        broker_us: used_s * 1e6 / messages,
    })
}

async fn as_many_as_get_through(queue: &Queue, time: Duration) -> anyhow::Result<Vec<f64>> {
    let until = Instant::now() + time;
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let queue = queue.clone();
        publishers.spawn(async move {
            let mut confirms_ms = Vec::new();
            while Instant::now() < until {
                confirms_ms.push(publish(&queue).await?);
            }
            anyhow::Ok(confirms_ms)
        });
    }
    let all: anyhow::Result<Vec<_>> = publishers.join_all().await.into_iter().collect();
    Ok(all?.concat())
}

async fn at_a_steady_rate(queue: &Queue, time: Duration) -> anyhow::Result<Vec<f64>> {
    let until = Instant::now() + time;
    let mut tick = interval(Duration::from_secs(1) / RATE);
    let mut publishers = JoinSet::new();
    while Instant::now() < until {
        tick.tick().await;
        let queue = queue.clone();
        publishers.spawn(async move { publish(&queue).await });
    }
    publishers.join_all().await.into_iter().collect()
}

/// Returns after how many milliseconds it was confirmed.
async fn publish(queue: &Queue) -> anyhow::Result<f64> {
    let message = Message {
        payload: Bytes::from_static(&[7; TILE_BYTES]),
        ttl: Duration::from_secs(30),
    };
    let start = Instant::now();
    queue
        .publish(JobQueue::Tagging, Priority::Realtime, message)
        .await?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

async fn work(queue: Queue, shutdown: Shutdown) {
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(64), shutdown);
    while let Some(received) = consumer.next().await {
        if let Received::Delivery(delivery) = received {
            let _ = delivery.ack().await;
        }
    }
}
