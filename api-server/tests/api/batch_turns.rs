//! Shards on their way from hand to hand, and whose turn is next.

use std::time::{Duration, Instant};

use common::wire::{self, DEFAULT_TENANT, Shard};
use ledger::BatchKey;
use serde_json::{Value, json};
use testing::servers::eventually;

use crate::{
    batches::{create, ended, items, outcomes, started},
    harness::Harness,
    support::{album::Album, worker::Behaviour},
};

/// In the year 2096.
const LATE_S: u64 = 4_000_000_000;

fn list(album: &Album, name: &str, count: usize) -> Value {
    let names: Vec<_> = (0..count).map(|n| format!("{name}-{n}")).collect();
    items(album, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_shard_is_handed_on_again_and_again_and_nothing_is_done_twice() {
    let album = Album::start().await;
    let api = started(
        &album,
        &["--migrate-hold-s", "1", "--migrate-items", "4"],
        Behaviour::Slow(30),
    )
    .await;
    let begun = Instant::now();
    let id = create(&api, json!({"items": list(&album, "good", 100)})).await;
    assert_eq!(ended(&api, &id).await["status"], "completed");
    assert!(
        begun.elapsed() > Duration::from_secs(2),
        "nobody may hold it for so long"
    );
    let told = outcomes(&api, &id).await;
    assert!(told.len() == 100 && told.values().all(|code| code == "ok"));
    assert_eq!(album.all_hits(), 100);
    api.finish().await;
}

#[tokio::test]
async fn a_short_list_does_not_wait_for_a_long_one() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "5"], Behaviour::Slow(30)).await;
    let long = create(&api, json!({"items": list(&album, "long", 150)})).await;
    eventually("it is under way", async || {
        (album.all_hits() > 10).then_some(())
    })
    .await;
    let short = create(&api, json!({"items": list(&album, "short", 5)})).await;
    assert_eq!(ended(&api, &short).await["status"], "completed");
    let done = api.get(&format!("/v1/batches/{long}")).await.json["request_counts"]["completed"]
        .as_u64()
        .unwrap();
    assert!(done < 100, "{done}");
    assert_eq!(ended(&api, &long).await["status"], "completed");
    assert_eq!(
        (outcomes(&api, &long).await.len(), album.all_hits()),
        (150, 155),
        "every shard had one turn"
    );
    api.finish().await;
}

#[tokio::test]
async fn while_shards_wait_for_their_last_images_others_are_worked_on() {
    let album = Album::start().await;
    let options = [
        "--batch-shard-items",
        "5",
        "--migrate-shards",
        "1",
        "--migrate-waiting-shards",
        "2",
        "--migrate-pause-ms",
        "60000",
        "--fetch-allow-origin",
        &album.base,
    ];
    let api = Harness::with(&options, Behaviour::Answer).await;
    let names: Vec<String> = (0..20)
        .map(|n| match n {
            // In the first two of four shards.
            2 | 7 => format!("failing-{n}"),
            n => format!("good-{n}"),
        })
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    eventually("all but two are done", async || {
        let batch = api.get(&format!("/v1/batches/{id}")).await.json;
        let counts = &batch["request_counts"];
        (counts["completed"] == 18 && counts["failed"] == 0).then_some(())
    })
    .await;
    let batch = api.get(&format!("/v1/batches/{id}")).await.json;
    assert_eq!(batch["status"], "in_progress");
    api.finish().await;
}

#[tokio::test]
async fn a_copy_of_a_shard_in_hand_holds_up_nobody() {
    let album = Album::start().await;
    let options = ["--migrate-shards", "2", "--migrate-items", "2"];
    let api = started(&album, &options, Behaviour::Slow(100)).await;
    let long = create(&api, json!({"items": list(&album, "long", 60)})).await;
    eventually("it is under way", async || {
        (album.all_hits() > 1).then_some(())
    })
    .await;
    for _ in 0..3 {
        let copy = wire::encode(&Shard::new(DEFAULT_TENANT, &long, 0));
        api.queue.publish_shard(copy.into()).await.unwrap();
    }
    let short = create(&api, json!({"items": list(&album, "short", 2)})).await;
    assert_eq!(ended(&api, &short).await["status"], "completed");
    let batch = api.get(&format!("/v1/batches/{long}")).await.json;
    assert_eq!(batch["status"], "in_progress", "the copies took no place");
    assert_eq!(ended(&api, &long).await["status"], "completed");
    assert_eq!(outcomes(&api, &long).await.len(), 60);
    assert_eq!(album.all_hits(), 62, "nothing was done twice");
    eventually("no message is left", async || {
        let depth = api.queue.shard_depth().await.ok()?;
        (depth.messages == 0).then_some(())
    })
    .await;
    api.finish().await;
}

#[tokio::test]
async fn a_message_of_an_earlier_call_is_dropped_and_one_of_the_last_call_is_worked_on() {
    let album = Album::start().await;
    let options = [
        "--batch-shard-items",
        "5",
        "--migrate-shards",
        "1",
        "--migrate-items",
        "1",
    ];
    let api = started(&album, &options, Behaviour::Slow(200)).await;
    let id = create(&api, json!({"items": list(&album, "good", 15)})).await;
    let key = BatchKey::new(DEFAULT_TENANT, &id);
    eventually("the first of three shards is in hand", async || {
        (album.all_hits() > 0).then_some(())
    })
    .await;
    // As a migrator does that takes the batch's shards for lost, after any call that is made now.
    let call = api.ledger.call_again(&key, "still", LATE_S, 1).await;
    let call = call.unwrap().unwrap();
    api.ledger.said_again(&key, &call, &(0..3)).await.unwrap();
    eventually("the others are dropped", async || {
        let batch = api.get(&format!("/v1/batches/{id}")).await.json;
        let depth = api.queue.shard_depth().await.ok()?;
        (batch["request_counts"]["completed"] == 5 && depth.messages == 0).then_some(())
    })
    .await;
    assert_eq!(album.all_hits(), 5);
    for number in 0..3 {
        let shard = Shard {
            call: call.number,
            ..Shard::new(DEFAULT_TENANT, &id, number)
        };
        let shard = wire::encode(&shard);
        api.queue.publish_shard(shard.into()).await.unwrap();
    }
    assert_eq!(ended(&api, &id).await["status"], "completed");
    assert_eq!(outcomes(&api, &id).await.len(), 15);
    assert_eq!(album.all_hits(), 15, "nothing was done twice");
    api.finish().await;
}
