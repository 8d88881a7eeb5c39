//! Shards that seem to be in neither queue nor hands are announced once, however many migrators find that at one time.

use clap::Parser;
use common::{
    queue::{Queue, QueueConfig},
    shutdown::Shutdown,
    wire::{self, Shard},
};
use futures_util::future::join_all;
use ledger::{
    BatchKey, Ledger, Log,
    announce::{AnnounceError, Lost, LostShards},
};
use testing::objects::FaultyStore;

use crate::{NOW_S, lines, over, request, sealed};

const MIGRATORS: usize = 20;
/// Divides `NOW_S`, so that a span begins there. That of a call that was left half-way is ten seconds.
const SPAN_S: u64 = 100;

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    queue: QueueConfig,
}

async fn queue(most: &str) -> Queue {
    let settings = Settings::parse_from(["test", "--queue-max-length", most]);
    Queue::connect(&settings.queue).await.expect("in memory")
}

/// What a migrator announces that finds shards lost by a look of its own.
async fn announce(
    ledger: &Ledger,
    queue: &Queue,
    key: &BatchKey,
    why: Lost,
    now_s: u64,
) -> Result<(), AnnounceError> {
    let lost = LostShards {
        key,
        survey: &ledger.survey(key).await.expect("answers"),
        calls: &ledger.calls(key).await.expect("answers"),
        why,
        now_s,
        span_s: SPAN_S,
    };
    lost.announce(queue, ledger).await
}

/// All of them find the same, within half of the shorter span.
async fn all_announce(
    objects: &FaultyStore,
    queue: &Queue,
    key: &BatchKey,
    why: Lost,
    from_s: u64,
) {
    // Each is a process of its own, and remembers what it has seen by itself.
    let ledgers: Vec<_> = (0..MIGRATORS).map(|_| over(objects)).collect();
    let announcing = ledgers
        .iter()
        .zip((from_s..from_s + 5).cycle())
        .map(|(ledger, now_s)| announce(ledger, queue, key, why, now_s));
    for announced in join_all(announcing).await {
        announced.expect("announced, or left to another");
    }
}

/// Takes all messages out: numbers of shards, and of the calls that made them.
async fn taken(queue: &Queue) -> Vec<(u32, u64)> {
    let waiting = queue.shard_depth().await.expect("answers").messages;
    let mut shards = queue.consume_shards(testing::prefetch(u16::MAX), Shutdown::new());
    let mut taken = Vec::new();
    for _ in 0..waiting {
        let delivery = shards.next().await.expect("it waits");
        let shard: Shard = wire::decode(&delivery.payload).expect("a shard");
        taken.push((shard.number, shard.call));
        delivery.ack().await.expect("acked");
    }
    taken.sort_unstable();
    taken
}

/// Four shards that were all called, of which the second is finished.
async fn called(ledger: &Ledger) -> BatchKey {
    let request = request("batch_1", 10);
    sealed(ledger, &request, 40).await;
    let key = request.key();
    let call = ledger.call(&key, 4).await.expect("answers");
    let call = call.expect("the first");
    ledger.said(&key, call.number).await.expect("said");
    let log = Log::open(ledger, &key, 1).await.expect("answers");
    let mut log = log.expect("it is open");
    log.append(&lines(10..20)).await.expect("written");
    log.close().await.expect("closed");
    key
}

#[tokio::test]
async fn of_all_who_find_a_batch_standing_still_one_announces() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let key = called(&ledger).await;
    let queue = queue("1000").await;
    for span in 0..3 {
        let from_s = NOW_S + span * SPAN_S;
        all_announce(&objects, &queue, &key, Lost::StandsStill, from_s).await;
        let expected = [0, 2, 3].map(|shard| (shard, from_s));
        assert_eq!(taken(&queue).await, expected, "what is not finished, once");
        for shard in [0, 2, 3] {
            let is_old = async |call| ledger.is_called_since(&key, shard, call).await;
            assert!(is_old(from_s - 1).await.expect("answers"));
            assert!(!is_old(from_s).await.expect("answers"));
        }
    }
}

#[tokio::test]
async fn of_a_call_that_was_left_half_way_its_own_shards_are_announced_once() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let request = request("batch_1", 10);
    sealed(&ledger, &request, 80).await;
    let key = request.key();
    let first = ledger.call(&key, 4).await.expect("answers");
    ledger
        .said(&key, first.expect("the first").number)
        .await
        .expect("said");
    // Whoever made this one died before its shards were in the queue.
    let second = ledger.call(&key, 7).await.expect("answers");
    let why = Lost::Unsaid(second.expect("the second").number);
    let queue = queue("1000").await;
    all_announce(&objects, &queue, &key, why, NOW_S).await;
    let expected = [4, 5, 6].map(|shard| (shard, NOW_S));
    assert_eq!(taken(&queue).await, expected);
    let calls = ledger.calls(&key).await.expect("answers");
    assert!(calls.unsaid.is_empty(), "{calls:?}");
}

#[tokio::test]
async fn whoever_cannot_announce_is_followed_by_another_in_the_next_span() {
    let objects = FaultyStore::default();
    let ledger = over(&objects);
    let key = called(&ledger).await;
    let full = queue("1").await;
    let why = Lost::StandsStill;
    let refused = announce(&ledger, &full, &key, why, NOW_S).await;
    assert!(matches!(refused, Err(AnnounceError::Queue(_))));
    let is_old = ledger.is_called_since(&key, 2, 0).await;
    assert!(
        !is_old.expect("answers"),
        "earlier messages are not dropped for a call that has none"
    );
    let queue = queue("1000").await;
    all_announce(&objects, &queue, &key, why, NOW_S).await;
    assert_eq!(taken(&queue).await, [], "the span is his");
    let from_s = NOW_S + SPAN_S;
    all_announce(&objects, &queue, &key, why, from_s).await;
    assert_eq!(taken(&queue).await.len(), 3);
}
