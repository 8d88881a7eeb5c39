//! The promises of the shards' queue.

use std::collections::BTreeSet;

use common::{
    queue::{Queue, QueueError, ShardConsumer, ShardDelivery},
    shutdown::Shutdown,
};
use testing::servers::eventually;
use tokio::time::timeout;

use super::{MAX_LENGTH, NEVER, within};

pub async fn a_shard_is_delivered_and_acked_for_good(queue: &Queue) {
    publish(queue, "one").await;
    let mut consumer = consume(queue, 1);
    let shard = delivered(&mut consumer).await;
    assert_eq!((shard.attempt, text(&shard)), (1, "one"));
    ack(shard).await;
    publish(queue, "two").await;
    let shard = delivered(&mut consumer).await;
    assert_eq!(text(&shard), "two");
    ack(shard).await;
}

pub async fn a_shard_that_is_dropped_comes_again_and_is_counted(queue: &Queue) {
    publish(queue, "shard").await;
    let mut consumer = consume(queue, 2);
    for attempt in 1..=4 {
        let shard = delivered(&mut consumer).await;
        assert_eq!((shard.attempt, text(&shard)), (attempt, "shard"));
        if attempt == 4 {
            ack(shard).await;
        }
    }
}

pub async fn a_shard_outlives_its_consumer(queue: &Queue) {
    publish(queue, "held").await;
    publish(queue, "waiting").await;
    let mut first = consume(queue, 2);
    let held = delivered(&mut first).await;
    drop(first);
    let mut second = consume(queue, 2);
    let waiting = delivered(&mut second).await;
    assert_eq!(
        text(&waiting),
        "waiting",
        "what was not handed out goes to others"
    );
    ack(held).await;
    ack(waiting).await;
}

pub async fn shards_are_as_many_as_prefetch_allows(queue: &Queue) {
    for shard in ["1", "2", "3"] {
        publish(queue, shard).await;
    }
    let mut consumer = consume(queue, 2);
    let one = delivered(&mut consumer).await;
    let two = delivered(&mut consumer).await;
    assert!(
        timeout(NEVER, consumer.next()).await.is_err(),
        "credit is used up"
    );
    ack(one).await;
    let three = delivered(&mut consumer).await;
    ack(two).await;
    ack(three).await;
}

pub async fn shards_beyond_the_length_are_refused(queue: &Queue) {
    // A quorum queue may take a few more before it says so.
    let mut taken = BTreeSet::new();
    let refused = loop {
        let name = format!("shard {}", taken.len());
        match queue.publish_shard(name.clone().into()).await {
            Ok(()) => drop(taken.insert(name)),
            Err(refused) => break refused,
        }
        assert!(taken.len() < 10 * MAX_LENGTH as usize, "it is bounded");
    };
    assert!(matches!(refused, QueueError::Full), "{refused:?}");
    let mut consumer = consume(queue, 4);
    while !taken.is_empty() {
        let shard = delivered(&mut consumer).await;
        assert!(taken.remove(text(&shard)));
        ack(shard).await;
    }
}

pub async fn shutdown_ends_the_consumer_and_not_what_is_held(queue: &Queue) {
    publish(queue, "held").await;
    publish(queue, "waiting").await;
    let shutdown = Shutdown::new();
    let mut consumer = queue.consume_shards(testing::prefetch(2), shutdown.clone());
    let held = delivered(&mut consumer).await;
    shutdown.cancel();
    assert!(within(consumer.next()).await.is_none());
    drop(consumer);
    ack(held).await;
    let waiting = delivered(&mut consume(queue, 1)).await;
    assert_eq!(text(&waiting), "waiting");
    ack(waiting).await;
}

/// Shards that nobody took.
pub async fn are_none_left(queue: &Queue) {
    eventually("no shard is left", async || {
        (queue.shard_depth().await.ok()?.messages == 0).then_some(())
    })
    .await;
}

async fn publish(queue: &Queue, payload: &str) {
    queue
        .publish_shard(payload.to_owned().into())
        .await
        .expect("there is room");
}

fn consume(queue: &Queue, prefetch: u16) -> ShardConsumer {
    queue.consume_shards(testing::prefetch(prefetch), Shutdown::new())
}

async fn delivered(consumer: &mut ShardConsumer) -> ShardDelivery {
    within(consumer.next()).await.expect("the consumer goes on")
}

fn text(shard: &ShardDelivery) -> &str {
    std::str::from_utf8(&shard.payload).expect("we publish text")
}

async fn ack(shard: ShardDelivery) {
    assert!(shard.ack().await.expect("acks never fail here"));
}
