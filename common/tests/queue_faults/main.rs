//! What a broker that restarts, hangs, fills up or loses its queues does to
//! the queue. The tests share one broker and take turns, since each of them harms it.

mod kinds;
mod late;
mod nodes;

use std::time::{Duration, Instant};

use common::{
    queue::{
        Consumer, Delivery, JobQueue, Message, Priority, Queue, QueueConfig, QueueError, QueueKind,
        Received,
    },
    shutdown::Shutdown,
};
use testing::servers::{Mode, PATIENCE, RabbitMq, TcpProxy, eventually, unique};
use tokio::{
    sync::{Mutex, MutexGuard, OnceCell},
    time::timeout,
};

const PUBLISH_WITHIN: Duration = Duration::from_millis(1_000);

/// The broker, for one test at a time.
async fn broker() -> MutexGuard<'static, RabbitMq> {
    static BROKER: OnceCell<Mutex<RabbitMq>> = OnceCell::const_new();
    BROKER
        .get_or_init(async || Mutex::new(RabbitMq::start().await))
        .await
        .lock()
        .await
}

fn config(port: u16, prefix: &str) -> QueueConfig {
    QueueConfig {
        queue_url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        queue_prefix: prefix.to_owned(),
        queue_max_length: 100,
        queue_bundle: 8,
        queue_max_attempts: 3,
        queue_publish_timeout_ms: PUBLISH_WITHIN.as_millis() as u64,
        queue_declare: true,
        queue_realtime: QueueKind::Quorum,
        queue_ca_file: None,
    }
}

async fn open(port: u16) -> Queue {
    Queue::connect(&config(port, &unique("faults")))
        .await
        .expect("the broker is there")
}

/// A quorum queue's messages are on disk once they are confirmed, but that
/// there is such a queue is written half a second later: a broker killed in
/// between knows its name and never opens it again (RabbitMQ 3.10).
const QUEUE_IS_ON_DISK: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn shards_outlive_the_broker() {
    let mut broker = broker().await;
    let queue = open(broker.port()).await;
    let mut consumer = queue.consume_shards(testing::prefetch(1), Shutdown::new());
    for shard in ["held", "waiting"] {
        queue
            .publish_shard(shard.into())
            .await
            .expect("there is room");
    }
    let held = timeout(PATIENCE, consumer.next())
        .await
        .expect("in time")
        .expect("a shard");
    tokio::time::sleep(QUEUE_IS_ON_DISK).await;
    broker.restart().await;
    assert!(
        !held.ack().await.expect("no error: it comes again"),
        "its connection is gone"
    );
    let mut seen = Vec::new();
    for _ in 0..2 {
        let shard = timeout(PATIENCE, consumer.next())
            .await
            .expect("in time")
            .expect("a shard");
        seen.push(String::from_utf8_lossy(&shard.payload).into_owned());
        assert!(shard.ack().await.expect("acks never fail here"));
    }
    seen.sort();
    assert_eq!(seen, ["held", "waiting"]);
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_broker_is_survived() {
    let mut broker = broker().await;
    let queue = open(broker.port()).await;
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(2), Shutdown::new());
    publish(&queue, Priority::Bulk, "held")
        .await
        .expect("there is room");
    let held = delivered(&mut consumer).await;
    publish(&queue, Priority::Bulk, "waiting")
        .await
        .expect("there is room");
    tokio::time::sleep(QUEUE_IS_ON_DISK).await;

    broker.kill9();
    eventually("it is noticed", async || (!queue.is_ready()).then_some(())).await;
    let start = Instant::now();
    let refused = publish(&queue, Priority::Realtime, "too late").await;
    assert!(
        matches!(refused, Err(QueueError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(
        start.elapsed() < PUBLISH_WITHIN,
        "a broker that is known to be away is not waited for"
    );
    broker.restart().await;
    assert!(
        !held.ack().await.expect("no error: it comes again"),
        "its connection is gone"
    );

    eventually("publishing recovers", async || {
        publish(&queue, Priority::Bulk, "after").await.ok()
    })
    .await;
    let mut missing = vec!["held", "waiting", "after"];
    while !missing.is_empty() {
        let job = delivered(&mut consumer).await;
        missing.retain(|name| *name != text(&job));
        job.ack().await.expect("acks never fail here");
    }
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_rebuilt_and_no_jobs_fault() {
    let broker = broker().await;
    let proxy = TcpProxy::start(broker.port()).await;
    let queue = open(proxy.port()).await;
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    publish(&queue, Priority::Bulk, "before")
        .await
        .expect("there is room");
    let mut held = delivered(&mut consumer).await;
    // More often than a job may fail.
    for _ in 0..4 {
        proxy.set(Mode::Refuse);
        proxy.cut();
        eventually("it is noticed", async || (!queue.is_ready()).then_some(())).await;
        drop(held);
        proxy.set(Mode::Forward);
        held = delivered(&mut consumer).await;
        assert_eq!((text(&held), held.attempt), ("before", 1));
    }
    assert!(held.ack().await.expect("acks never fail here"));
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_alarm_refuses_publishes_and_lets_acks_pass() {
    let broker = broker().await;
    let queue = open(broker.port()).await;
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    publish(&queue, Priority::Bulk, "before")
        .await
        .expect("there is room");
    let before = delivered(&mut consumer).await;
    broker.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    // The broker says so only to who publishes; then everybody knows.
    eventually("the alarm is known", async || {
        (!publish_is_ok(&queue).await && !queue.is_ready()).then_some(())
    })
    .await;
    let start = Instant::now();
    let refused = publish(&queue, Priority::Bulk, "during").await;
    assert!(
        matches!(refused, Err(QueueError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(
        start.elapsed() < PUBLISH_WITHIN,
        "nobody waits for an alarm to end"
    );
    assert!(
        before.ack().await.expect("acks never fail here"),
        "the consumer's connection is another one"
    );
    broker.ctl(&["set_vm_memory_high_watermark", "0.6"]).await;
    eventually("publishing recovers", async || {
        publish(&queue, Priority::Realtime, "after").await.ok()
    })
    .await;
    while delivered_and_acked(&mut consumer).await != "after" {}
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_told_and_made_again() {
    let broker = broker().await;
    let prefix = unique("faults");
    let queue = Queue::connect(&config(broker.port(), &prefix))
        .await
        .expect("the broker is there");
    publish(&queue, Priority::Bulk, "makes the queue")
        .await
        .expect("there is room");
    broker
        .ctl(&["delete_queue", &format!("{prefix}.bulk")])
        .await;
    let returned = publish(&queue, Priority::Bulk, "nowhere").await;
    assert!(
        matches!(returned, Err(QueueError::Unroutable)),
        "{returned:?}"
    );
    eventually("publishing recovers", async || {
        publish(&queue, Priority::Bulk, "after").await.ok()
    })
    .await;
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    assert_eq!(delivered_and_acked(&mut consumer).await, "after");
    // A consumer that loses its queue goes on with the new one.
    broker
        .ctl(&["delete_queue", &format!("{prefix}.bulk")])
        .await;
    eventually("publishing recovers", async || {
        publish(&queue, Priority::Bulk, "again").await.ok()
    })
    .await;
    assert_eq!(delivered_and_acked(&mut consumer).await, "again");
    queue.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn close_ends_consumers_and_gives_back_what_they_hold() {
    let broker = broker().await;
    let prefix = unique("faults");
    let queue = Queue::connect(&config(broker.port(), &prefix))
        .await
        .expect("the broker is there");
    publish(&queue, Priority::Bulk, "held")
        .await
        .expect("there is room");
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new());
    let held = delivered(&mut consumer).await;
    queue.close().await;
    assert!(consumer.next().await.is_none());
    assert!(!held.ack().await.expect("no error: it comes again"));
    let other = Queue::connect(&config(broker.port(), &prefix))
        .await
        .expect("the broker is there");
    let again =
        delivered(&mut other.consume(JobQueue::Tagging, testing::prefetch(4), Shutdown::new()))
            .await;
    assert_eq!((text(&again), again.attempt), ("held", 2));
    assert!(again.ack().await.expect("acks never fail here"));
    other.close().await;
}

#[tokio::test]
async fn a_wrong_url_is_said_without_its_password() {
    for wrong in [
        "ampq://user:secret@host",
        "user:secret@host",
        "amqp://user:secret@host:not-a-port",
    ] {
        let wrong = QueueConfig {
            queue_url: wrong.to_owned(),
            ..config(1, "x")
        };
        let error = Queue::connect(&wrong)
            .await
            .expect_err("that is no URL")
            .to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

async fn publish(queue: &Queue, priority: Priority, payload: &str) -> Result<(), QueueError> {
    queue
        .publish(
            JobQueue::Tagging,
            priority,
            Message {
                payload: payload.to_owned().into(),
                // However long the test takes.
                ttl: Duration::from_secs(3_600),
            },
        )
        .await
}

async fn publish_is_ok(queue: &Queue) -> bool {
    publish(queue, Priority::Bulk, "probe").await.is_ok()
}

async fn delivered(consumer: &mut Consumer) -> Delivery {
    let received = timeout(PATIENCE, consumer.next()).await.expect("it comes");
    match received.expect("the consumer goes on") {
        Received::Delivery(delivery) => delivery,
        other => panic!("expected a delivery, got {other:?}"),
    }
}

/// What it was, when it is done with.
async fn delivered_and_acked(consumer: &mut Consumer) -> String {
    let delivery = delivered(consumer).await;
    let text = text(&delivery).to_owned();
    delivery.ack().await.expect("acks never fail here");
    text
}

fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(&delivery.payload).expect("we publish text")
}
