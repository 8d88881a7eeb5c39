//! An object store that is full or away in the middle of a batch: what comes in is refused, and what is under way goes on.

use serde_json::json;
use testing::{
    objects::{FaultyStore, StoreFault},
    servers::eventually,
};

use crate::{
    batches::{create, ended, items, outcomes},
    harness::Harness,
    support::{album::Album, worker::Behaviour},
};

#[tokio::test]
async fn a_full_disk_refuses_batches_and_work_goes_on_after_it() {
    work_goes_on_after(StoreFault::Full).await;
}

#[tokio::test]
async fn a_store_that_answers_503_refuses_batches_and_work_goes_on_after_it() {
    work_goes_on_after(StoreFault::Unavailable).await;
}

async fn work_goes_on_after(fault: StoreFault) {
    let album = Album::start().await;
    let objects = FaultyStore::default();
    let options = [
        "--fetch-allow-origin",
        album.base.as_str(),
        "--migrate-items",
        "4",
    ];
    let api = Harness::with_store(&options, Behaviour::Slow(30), &objects).await;
    let names: Vec<_> = (0..60).map(|number| format!("good-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    eventually("some are written down", async || {
        let batch = api.get(&format!("/v1/batches/{id}")).await.json;
        batch["request_counts"]["completed"]
            .as_u64()
            .filter(|done| *done > 0)
    })
    .await;
    objects.fail(fault);
    let body = json!({"items": items(&album, &["late"])}).to_string();
    let post = || api.post_raw("/v1/batches", "application/json", body.clone().into_bytes());
    let refused = post().await;
    refused.is_problem(503, "store_unavailable");
    assert_eq!(refused.json["retryable"], true);
    let before = objects.paths().await;
    let met = objects.met();
    eventually("the migrator has met it too", async || {
        (objects.met() > met).then_some(())
    })
    .await;
    assert_eq!(objects.paths().await, before, "nothing half is there");
    objects.heal();
    assert_eq!(ended(&api, &id).await["status"], "completed");
    let told = outcomes(&api, &id).await;
    assert!(told.len() == 60 && told.values().all(|code| code == "ok"));
    let taken = post().await;
    assert_eq!(taken.status, 202, "{}", taken.json);
    let late = taken.json["id"].as_str().unwrap();
    assert_eq!(ended(&api, late).await["status"], "completed");
    api.finish().await;
}
