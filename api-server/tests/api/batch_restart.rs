//! A service that ends in the middle of a batch, and another one after it.

use serde_json::{Value, json};
use url::Url;

use testing::servers::eventually;

use crate::{
    batches::{create, ended, items, outcomes, started},
    support::{album::Album, worker::Behaviour},
};

#[tokio::test]
async fn a_batch_goes_on_after_a_restart_and_nothing_is_done_twice() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Url::from_directory_path(folder.path()).unwrap().to_string();
    let options = [
        "--store-url",
        &store,
        "--batch-shard-items",
        "50",
        "--migrate-items",
        "4",
    ];
    let api = started(&album, &options, Behaviour::Slow(20)).await;
    let names: Vec<_> = (0..160).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    let path = format!("/v1/batches/{id}");
    let is_under_way = async || {
        let batch = api.get(&path).await.json;
        batch["request_counts"]["completed"]
            .as_u64()
            .filter(|done| *done >= 20)
    };
    eventually("some are written down", is_under_way).await;
    api.finish().await;

    let before = album.all_hits();
    assert!(before < 160, "it was not done yet");
    let api = started(&album, &options, Behaviour::Look).await;
    assert_eq!(ended(&api, &id).await["status"], "completed");
    let told = outcomes(&api, &id).await;
    assert_eq!(told.len(), 160);
    assert!(told.values().all(|code| code == "ok"));
    assert_eq!(
        album.all_hits(),
        160,
        "a service that ends in order has written down what it had fetched"
    );
    api.finish().await;
}

#[tokio::test]
async fn what_is_not_done_in_time_ends_as_expired() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Url::from_directory_path(folder.path()).unwrap().to_string();
    let options = ["--store-url", &store, "--migrate-items", "4"];
    let api = started(&album, &options, Behaviour::Slow(30)).await;
    let names: Vec<_> = (0..100).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(
        &api,
        json!({"items": items(&album, &names), "completion_window_h": 1}),
    )
    .await;
    eventually("it is under way", async || {
        (album.all_hits() > 10).then_some(())
    })
    .await;
    api.finish().await;
    // The hour is over.
    let path = folder
        .path()
        .join(format!("batches/default/{id}/request.json"));
    let mut request: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let expires_s = request["expires_s"].as_u64().unwrap();
    assert_eq!(expires_s, request["created_s"].as_u64().unwrap() + 3_600);
    request["expires_s"] = json!(expires_s - 3_600);
    std::fs::write(&path, request.to_string()).unwrap();
    let api = started(&album, &options, Behaviour::Look).await;
    let batch = ended(&api, &id).await;
    assert_eq!(
        (&batch["status"], batch["expired_at"].is_u64()),
        (&json!("expired"), true)
    );
    let told = outcomes(&api, &id).await;
    let count = |code: &str| told.values().filter(|told| *told == code).count();
    assert!(
        count("ok") > 0 && count("ok") + count("batch_expired") == 100,
        "{told:?}"
    );
    api.finish().await;
}
