//! One suite, held against every backend of the queue.

mod bundles;
mod shards;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bundles::*;
use common::{
    queue::{
        Consumer, Delivery, Depth, JobQueue, Message, Priority, Queue, QueueConfig, QueueError,
        QueueKind, Received,
    },
    shutdown::Shutdown,
};
use shards::*;
use testing::servers::{PATIENCE, RabbitMq, eventually, unique};
use tokio::{sync::OnceCell, time::timeout};

const MAX_LENGTH: u32 = 10;
const MAX_ATTEMPTS: u32 = 3;
/// How long we look for something that must not happen.
const NEVER: Duration = Duration::from_millis(200);
/// A busy machine takes tens of milliseconds for it. Waiting for another job's end takes for ever.
const AT_ONCE: Duration = Duration::from_secs(20);

fn config(url: String) -> QueueConfig {
    QueueConfig {
        queue_url: url,
        queue_prefix: unique("contract"),
        queue_max_length: MAX_LENGTH,
        queue_bundle: 8,
        queue_max_attempts: MAX_ATTEMPTS,
        queue_publish_timeout_ms: 10_000,
        queue_declare: true,
        queue_realtime: QueueKind::Quorum,
        queue_ca_file: None,
    }
}

async fn open(url: String) -> Queue {
    Queue::connect(&config(url))
        .await
        .expect("the backend is there")
}

async fn rabbit_url() -> String {
    static BROKER: OnceCell<RabbitMq> = OnceCell::const_new();
    BROKER.get_or_init(RabbitMq::start).await.url()
}

macro_rules! contract {
    ($backend:ident, $open:expr, $($promise:ident,)+) => {
        mod $backend {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::keep($open.await, super::$promise).await;
            })+
        }
    };
}

/// What is promised of jobs, whether they share messages or not.
macro_rules! jobs {
    ($backend:ident, $open:expr) => {
        contract! {
            $backend, $open,
            a_published_message_is_delivered,
            an_ack_is_final,
            an_unacked_drop_is_delivered_again,
            a_dropped_consumer_gives_back_what_it_held,
            a_full_queue_refuses,
            realtime_overtakes_bulk,
            an_expired_message_is_never_seen,
            a_failed_message_expires_too,
            too_many_attempts_end_as_a_dead_letter,
            a_failed_job_stops_nobody,
            the_last_attempt_runs_alone,
            a_poison_job_takes_no_mates_along,
            prefetch_is_credit,
            each_priority_has_credit_of_its_own,
            shutdown_hands_out_what_is_held_and_ends,
            two_consumers_share,
            an_arrival_reaches_whoever_has_credit,
            depth_counts_what_waits,
            an_abandoned_wait_loses_nothing,
            what_is_published_at_once_arrives_each_for_itself,
            a_job_given_back_leaves_no_other_behind,
            a_models_own_queues_are_apart,
        }
    };
}

macro_rules! shards {
    ($backend:ident, $open:expr) => {
        contract! {
            $backend, $open,
            a_shard_is_delivered_and_acked_for_good,
            a_shard_that_is_dropped_comes_again_and_is_counted,
            a_shard_outlives_its_consumer,
            shards_are_as_many_as_prefetch_allows,
            shards_beyond_the_length_are_refused,
            shutdown_ends_the_consumer_and_not_what_is_held,
        }
    };
}

jobs!(memory, super::in_memory());
jobs!(rabbit, super::at_rabbit());
jobs!(rabbit_in_bundles, super::bundling());
shards!(memory_shards, super::in_memory());
shards!(rabbit_shards, super::at_rabbit());

async fn in_memory() -> Queue {
    open("memory:".to_owned()).await
}

async fn at_rabbit() -> Queue {
    open(rabbit_url().await).await
}

async fn bundling() -> Queue {
    let queue = at_rabbit().await;
    queue.set_bundles(true);
    queue
}

/// Runs one promise, and fails it for what it leaves behind.
async fn keep(queue: Queue, promise: impl AsyncFnOnce(&Queue)) {
    assert!(queue.is_ready());
    promise(&queue).await;
    for (job_queue, priority) in all_queues() {
        eventually("nothing is left", async || {
            (queue.depth(job_queue, priority).await.ok()?.messages == 0).then_some(())
        })
        .await;
    }
    shards::are_none_left(&queue).await;
    queue.close().await;
}

fn all_queues() -> impl Iterator<Item = (JobQueue, Priority)> {
    let of = |queue| Priority::ALL.map(|priority| (queue, priority));
    JobQueue::ALL.into_iter().flat_map(of)
}

async fn a_published_message_is_delivered(queue: &Queue) {
    for job_queue in JobQueue::ALL {
        let mut consumer = queue.consume(job_queue, testing::prefetch(1), Shutdown::new());
        for priority in Priority::ALL {
            let name = format!("{} {}", job_queue.name(), priority.name());
            let sent = queue.publish(job_queue, priority, message(&name)).await;
            sent.expect("there is room");
            let delivery = delivered(&mut consumer).await;
            assert_eq!(
                (delivery.priority, delivery.attempt, text(&delivery)),
                (priority, 1, name.as_str())
            );
            assert!(delivery.ack().await.expect("acks never fail here"));
        }
    }
}

async fn an_ack_is_final(queue: &Queue) {
    publish(queue, Priority::Bulk, "done").await;
    let mut consumer = consume(queue, 1);
    assert!(
        delivered(&mut consumer)
            .await
            .ack()
            .await
            .expect("acks never fail here")
    );
    drop(consumer);
    publish(queue, Priority::Bulk, "next").await;
    let delivery = delivered(&mut consume(queue, 1)).await;
    assert_eq!(text(&delivery), "next");
    ack(delivery).await;
}

async fn an_unacked_drop_is_delivered_again(queue: &Queue) {
    publish(queue, Priority::Realtime, "job").await;
    let mut consumer = consume(queue, 4);
    drop(delivered(&mut consumer).await);
    let again = delivered(&mut consumer).await;
    assert_eq!(
        (again.attempt, text(&again), again.priority),
        (2, "job", Priority::Realtime)
    );
    ack(again).await;
}

async fn a_dropped_consumer_gives_back_what_it_held(queue: &Queue) {
    let jobs = publish_many(queue, Priority::Bulk, 5).await;
    let mut first = consume(queue, 5);
    let held = delivered(&mut first).await;
    drop(first);
    let held_job = text(&held).to_owned();
    let mut second = consume(queue, 5);
    let mut seen = BTreeSet::new();
    while seen.len() < jobs.len() - 1 {
        let delivery = delivered(&mut second).await;
        seen.insert(text(&delivery).to_owned());
        ack(delivery).await;
    }
    assert!(
        !seen.contains(&held_job),
        "a delivery outlives its consumer"
    );
    ack(held).await;
}

async fn a_full_queue_refuses(queue: &Queue) {
    publish_many(queue, Priority::Bulk, MAX_LENGTH).await;
    let refused = queue
        .publish(JobQueue::Tagging, Priority::Bulk, message("one too many"))
        .await;
    assert!(matches!(refused, Err(QueueError::Full)), "{refused:?}");
    publish(queue, Priority::Realtime, "the other queue has room").await;
    let mut consumer = consume(queue, 4);
    for _ in 0..=MAX_LENGTH {
        ack(delivered(&mut consumer).await).await;
    }
    publish(queue, Priority::Bulk, "room again").await;
    ack(delivered(&mut consumer).await).await;
}

async fn realtime_overtakes_bulk(queue: &Queue) {
    // What is still between broker and consumer cannot overtake: try until both had arrived.
    eventually(
        "a later real-time job comes before an earlier bulk job",
        async || {
            publish(queue, Priority::Bulk, "bulk").await;
            publish(queue, Priority::Realtime, "realtime").await;
            let mut consumer = consume(queue, 4);
            let first = delivered(&mut consumer).await;
            let second = delivered(&mut consumer).await;
            let order = (first.priority, second.priority);
            ack(first).await;
            ack(second).await;
            (order == (Priority::Realtime, Priority::Bulk)).then_some(())
        },
    )
    .await;
}

async fn an_expired_message_is_never_seen(queue: &Queue) {
    for ttl in [Duration::ZERO, Duration::from_millis(20)] {
        let stale = Message {
            payload: "stale".into(),
            ttl,
        };
        queue
            .publish(JobQueue::Tagging, Priority::Realtime, stale)
            .await
            .expect("there is room");
    }
    tokio::time::sleep(Duration::from_millis(40)).await;
    publish(queue, Priority::Realtime, "fresh").await;
    let delivery = delivered(&mut consume(queue, 4)).await;
    assert_eq!(text(&delivery), "fresh");
    ack(delivery).await;
}

async fn a_failed_message_expires_too(queue: &Queue) {
    let ttl = Duration::from_secs(2);
    let published = Instant::now();
    let stale = Message {
        payload: "stale".into(),
        ttl,
    };
    queue
        .publish(JobQueue::Tagging, Priority::Realtime, stale)
        .await
        .expect("there is room");
    let mut consumer = consume(queue, 1);
    // Held until its time is nearly over: what is left is too short for a second try.
    let first = delivered(&mut consumer).await;
    let nearly_over = ttl - Duration::from_millis(10);
    tokio::time::sleep(nearly_over.saturating_sub(published.elapsed())).await;
    drop(consumer);
    drop(first);
    eventually("it is gone", async || {
        (queue
            .depth(JobQueue::Tagging, Priority::Realtime)
            .await
            .ok()?
            .messages
            == 0)
            .then_some(())
    })
    .await;
    publish(queue, Priority::Realtime, "fresh").await;
    let delivery = delivered(&mut consume(queue, 1)).await;
    assert_eq!(text(&delivery), "fresh");
    ack(delivery).await;
}

async fn too_many_attempts_end_as_a_dead_letter(queue: &Queue) {
    publish(queue, Priority::Bulk, "poison").await;
    let mut consumer = consume(queue, 4);
    for attempt in 1..=MAX_ATTEMPTS {
        let delivery = delivered(&mut consumer).await;
        assert_eq!(delivery.attempt, attempt);
    }
    match consumer.next().await {
        Some(Received::DeadLettered { payload, attempts }) => {
            assert_eq!((&*payload, attempts), (&b"poison"[..], 3))
        }
        other => panic!("expected the notice of a dead letter, got {other:?}"),
    }
    assert_eq!(queue.dead_letters().await.expect("the backend answers"), 1);
}

async fn a_failed_job_stops_nobody(queue: &Queue) {
    publish(queue, Priority::Bulk, "shaky").await;
    let mut consumer = consume(queue, 4);
    let shaky = delivered(&mut consumer).await;
    publish(queue, Priority::Bulk, "slow").await;
    let slow = delivered(&mut consumer).await;
    drop(shaky);
    publish(queue, Priority::Realtime, "fresh").await;
    let started = Instant::now();
    let mut held = Vec::new();
    while held.iter().all(|delivery| text(delivery) != "fresh") {
        held.push(delivered(&mut consumer).await);
    }
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    if held.len() == 1 {
        held.push(delivered(&mut consumer).await);
    }
    let shaky = held.iter().find(|delivery| text(delivery) == "shaky");
    assert_eq!(shaky.map(|delivery| delivery.attempt), Some(2));
    for delivery in held {
        ack(delivery).await;
    }
    ack(slow).await;
}

async fn the_last_attempt_runs_alone(queue: &Queue) {
    publish(queue, Priority::Bulk, "shaky").await;
    let mut consumer = consume(queue, 4);
    for _ in 2..MAX_ATTEMPTS {
        drop(delivered(&mut consumer).await);
    }
    let shaky = delivered(&mut consumer).await;
    publish(queue, Priority::Bulk, "held").await;
    let held = delivered(&mut consumer).await;
    drop(shaky);
    assert!(
        timeout(NEVER, consumer.next()).await.is_err(),
        "something else is held"
    );
    ack(held).await;
    let shaky = delivered(&mut consumer).await;
    assert_eq!((text(&shaky), shaky.attempt), ("shaky", MAX_ATTEMPTS));
    publish(queue, Priority::Realtime, "waits").await;
    assert!(
        timeout(NEVER, consumer.next()).await.is_err(),
        "the last attempt is alone"
    );
    ack(shaky).await;
    let after = delivered(&mut consumer).await;
    assert_eq!(text(&after), "waits");
    ack(after).await;
}

async fn a_poison_job_takes_no_mates_along(queue: &Queue) {
    let mut jobs = publish_many(queue, Priority::Bulk, 7).await;
    publish(queue, Priority::Bulk, "poison").await;
    let mut dead = Vec::new();
    while !(jobs.is_empty() && dead.len() == 1) {
        // A worker's life: it fills its hands, and dies if the poison is in them.
        let mut worker = consume(queue, 8);
        loop {
            let mut hands = Vec::new();
            let first = timeout(PATIENCE, worker.next()).await;
            let mut received =
                first.unwrap_or_else(|_| panic!("no work comes: {jobs:?} are left, dead {dead:?}"));
            while let Some(Received::Delivery(delivery)) = received {
                hands.push(delivery);
                received = timeout(Duration::from_millis(20), worker.next())
                    .await
                    .unwrap_or(None);
            }
            if let Some(Received::DeadLettered { payload, .. }) = received {
                dead.push(String::from_utf8_lossy(&payload).into_owned());
            }
            if hands.iter().any(|job| text(job) == "poison") {
                drop(worker);
                break;
            }
            for job in hands {
                jobs.remove(text(&job));
                ack(job).await;
            }
            if jobs.is_empty() && dead.len() == 1 {
                break;
            }
        }
    }
    assert_eq!(dead, ["poison"]);
    assert_eq!(queue.dead_letters().await.expect("the backend answers"), 1);
}

async fn prefetch_is_credit(queue: &Queue) {
    publish_many(queue, Priority::Bulk, 3).await;
    let mut consumer = consume(queue, 2);
    let first = delivered(&mut consumer).await;
    let second = delivered(&mut consumer).await;
    assert!(
        timeout(NEVER, consumer.next()).await.is_err(),
        "credit is used up"
    );
    ack(first).await;
    let third = delivered(&mut consumer).await;
    ack(second).await;
    ack(third).await;
}

/// Bulk may come in bundles, so that more of it is here than may be in hand.
async fn each_priority_has_credit_of_its_own(queue: &Queue) {
    let jobs = publish_at_once(queue, Priority::Bulk, 8).await;
    let mut consumer = consume(queue, 2);
    let mut held = vec![
        delivered(&mut consumer).await,
        delivered(&mut consumer).await,
    ];
    assert!(
        timeout(NEVER, consumer.next()).await.is_err(),
        "bulk's credit is used up"
    );
    publish(queue, Priority::Realtime, "urgent").await;
    let urgent = delivered(&mut consumer).await;
    assert_eq!(text(&urgent), "urgent");
    for left in (0..jobs.len() - 2).rev() {
        ack(held.remove(0)).await;
        held.push(delivered(&mut consumer).await);
        assert_eq!(held[1].priority, Priority::Bulk, "{left} are left");
    }
    held.push(urgent);
    for delivery in held {
        ack(delivery).await;
    }
}

async fn shutdown_hands_out_what_is_held_and_ends(queue: &Queue) {
    let jobs = publish_many(queue, Priority::Bulk, 3).await;
    let shutdown = Shutdown::new();
    let mut consumer = queue.consume(JobQueue::Tagging, testing::prefetch(3), shutdown.clone());
    let mut held = vec![delivered(&mut consumer).await];
    shutdown.cancel();
    while let Some(received) = within(consumer.next()).await {
        held.push(delivery(received));
    }
    assert!(
        within(consumer.next()).await.is_none(),
        "the end stays the end"
    );
    let mut seen = BTreeSet::new();
    for delivery in held {
        seen.insert(text(&delivery).to_owned());
        ack(delivery).await;
    }
    // What was not handed out is there for others.
    let mut other = consume(queue, 3);
    while seen.len() < jobs.len() {
        let delivery = delivered(&mut other).await;
        assert!(
            seen.insert(text(&delivery).to_owned()),
            "nothing comes twice"
        );
        ack(delivery).await;
    }
}

async fn two_consumers_share(queue: &Queue) {
    publish_many(queue, Priority::Bulk, 4).await;
    let mut one = consume(queue, 1);
    let mut two = consume(queue, 1);
    for _ in 0..2 {
        let a = delivered(&mut one).await;
        let b = delivered(&mut two).await;
        assert_ne!(text(&a), text(&b));
        ack(a).await;
        ack(b).await;
    }
}

async fn an_arrival_reaches_whoever_has_credit(queue: &Queue) {
    publish(queue, Priority::Bulk, "held").await;
    let mut busy = consume(queue, 1);
    let held = delivered(&mut busy).await;
    let mut idle = consume(queue, 1);
    let either = async {
        tokio::select! {
            _ = busy.next() => panic!("it has no credit left"),
            received = idle.next() => delivery(received.expect("not shut down")),
        }
    };
    let (arrived, ()) = tokio::join!(within(either), publish(queue, Priority::Bulk, "new"));
    assert_eq!(text(&arrived), "new");
    ack(arrived).await;
    ack(held).await;
}

async fn depth_counts_what_waits(queue: &Queue) {
    publish_many(queue, Priority::Bulk, 3).await;
    let depth = queue
        .depth(JobQueue::Tagging, Priority::Bulk)
        .await
        .expect("the backend answers");
    assert_eq!(
        depth,
        Depth {
            messages: 3,
            consumers: 0
        }
    );
    assert_eq!(
        queue
            .depth(JobQueue::Tagging, Priority::Realtime)
            .await
            .expect("the backend answers")
            .messages,
        0
    );
    let mut consumer = consume(queue, 1);
    let held = delivered(&mut consumer).await;
    assert_eq!(
        queue
            .depth(JobQueue::Tagging, Priority::Bulk)
            .await
            .expect("the backend answers"),
        Depth {
            messages: 2,
            consumers: 1
        }
    );
    ack(held).await;
    for _ in 0..2 {
        ack(delivered(&mut consumer).await).await;
    }
    drop(consumer);
    eventually("it is counted out", async || {
        (queue
            .depth(JobQueue::Tagging, Priority::Bulk)
            .await
            .ok()?
            .consumers
            == 0)
            .then_some(())
    })
    .await;
}

async fn an_abandoned_wait_loses_nothing(queue: &Queue) {
    let mut consumer = consume(queue, 4);
    let jobs = publish_many(queue, Priority::Bulk, 8).await;
    let mut seen = BTreeSet::new();
    while seen.len() < jobs.len() {
        if let Ok(received) = timeout(Duration::from_micros(50), consumer.next()).await {
            let delivery = delivery(received.expect("no shutdown"));
            assert!(
                seen.insert(text(&delivery).to_owned()),
                "nothing comes twice"
            );
            ack(delivery).await;
        }
    }
}

async fn a_models_own_queues_are_apart(queue: &Queue) {
    let of_model = async |model| queue.of_model(model).await.expect("it opens");
    let [lite, other] = [of_model("lite").await, of_model("other").await];
    for (queue, job) in [(queue, "anyone's"), (&lite, "lite's"), (&other, "other's")] {
        publish(queue, Priority::Realtime, job).await;
    }
    // Opened again, it is the same.
    for (queue, job) in [
        (queue, "anyone's"),
        (&of_model("lite").await, "lite's"),
        (&of_model("other").await, "other's"),
    ] {
        let delivery = delivered(&mut consume(queue, 2)).await;
        assert_eq!(text(&delivery), job);
        ack(delivery).await;
    }
}

fn message(payload: &str) -> Message {
    Message {
        payload: payload.to_owned().into(),
        ttl: Duration::from_secs(60),
    }
}

async fn publish(queue: &Queue, priority: Priority, payload: &str) {
    queue
        .publish(JobQueue::Tagging, priority, message(payload))
        .await
        .expect("there is room");
}

async fn publish_many(queue: &Queue, priority: Priority, n: u32) -> BTreeSet<String> {
    let jobs: BTreeSet<String> = (0..n).map(|i| format!("job {i}")).collect();
    for job in &jobs {
        publish(queue, priority, job).await;
    }
    jobs
}

fn consume(queue: &Queue, prefetch: u16) -> Consumer {
    queue.consume(
        JobQueue::Tagging,
        testing::prefetch(prefetch),
        Shutdown::new(),
    )
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it comes")
}

async fn delivered(consumer: &mut Consumer) -> Delivery {
    delivery(within(consumer.next()).await.expect("the consumer goes on"))
}

fn delivery(received: Received) -> Delivery {
    match received {
        Received::Delivery(delivery) => delivery,
        other => panic!("expected a delivery, got {other:?}"),
    }
}

fn text(delivery: &Delivery) -> &str {
    std::str::from_utf8(&delivery.payload).expect("we publish text")
}

async fn ack(delivery: Delivery) {
    assert!(delivery.ack().await.expect("acks never fail here"));
}
