//! How much one tenant may have at once, and what its batches ask of the object store.

use reqwest::Response;
use serde_json::{Value, json};
use testing::servers::eventually;

use crate::{
    batches::{create, ended, items, started},
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

async fn post(api: &Harness, body: &Value, key: &str) -> Reply {
    let request = api
        .client
        .post(api.url("/v1/batches"))
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(body.to_string());
    Reply::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_tenant_may_have_so_many_batches_open_and_what_is_there_can_be_sent_again() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-max-open", "2"], Behaviour::Slow(300)).await;
    let body = |name: &str| {
        let names: Vec<_> = (0..40).map(|number| format!("{name}-{number}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        json!({"items": items(&album, &names)})
    };
    let mut ids = Vec::new();
    for key in ["a", "b"] {
        let taken = post(&api, &body(key), key).await;
        assert_eq!(taken.status, 202, "{}", taken.json);
        ids.push(taken.json["id"].as_str().expect("an id").to_owned());
    }
    let refused = post(&api, &body("c"), "c").await;
    refused.is_problem(429, "quota_exceeded");
    let again = post(&api, &body("a"), "a").await;
    assert_eq!((again.status, &again.json["id"]), (202, &json!(ids[0])));
    for id in &ids {
        let path = format!("/v1/batches/{id}/cancel");
        let cancelled = api.post_raw(&path, "application/json", Vec::new()).await;
        assert_eq!(cancelled.status, 200);
    }
    eventually("there is room for another one", async || {
        let taken = post(&api, &body("c"), "c").await;
        (taken.status == 202).then_some(())
    })
    .await;
    api.post_raw(
        &format!("/v1/batches/{}/cancel", newest(&api).await),
        "application/json",
        Vec::new(),
    )
    .await;
    for id in &ids {
        ended(&api, id).await;
    }
    ended(&api, &newest(&api).await).await;
    api.finish().await;
}

async fn newest(api: &Harness) -> String {
    let list = api.get("/v1/batches?limit=1").await;
    let id = list.json["data"][0]["id"].as_str();
    id.expect("there is one").to_owned()
}

#[tokio::test]
async fn a_tenant_may_have_so_many_batches_kept() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-max-kept", "2"], Behaviour::Look).await;
    for name in ["a", "b"] {
        let id = create(&api, json!({"items": items(&album, &[name])})).await;
        ended(&api, &id).await;
    }
    let refused = post(&api, &json!({"items": items(&album, &["c"])}), "c").await;
    refused.is_problem(429, "quota_exceeded");
    api.finish().await;
}

async fn events(api: &Harness, id: &str) -> Response {
    let path = format!("/v1/batches/{id}/events");
    let answer = api.client.get(api.url(&path)).send().await;
    answer.expect("an answer")
}

#[tokio::test]
async fn all_who_watch_a_batch_share_a_look_and_there_are_so_many_at_the_most() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-max-streams", "20"], Behaviour::Slow(500)).await;
    let names: Vec<_> = (0..100).map(|number| format!("good-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    let mut streams = Vec::new();
    let before = api.ledger.requests();
    for _ in 0..20 {
        let mut stream = events(&api, &id).await;
        assert_eq!(stream.status(), 200);
        stream
            .chunk()
            .await
            .expect("reads")
            .expect("the first event");
        streams.push(stream);
    }
    let asked = api.ledger.requests().since(&before).all();
    // One get for each says that the batch is there. Without sharing, each look would be four more.
    assert!(asked < 20 + 40, "{asked} requests");
    let refused = Reply::read(events(&api, &id).await).await;
    refused.is_problem(429, "quota_exceeded");
    streams.pop();
    eventually("there is room for another stream", async || {
        let stream = events(&api, &id).await;
        (stream.status() == 200).then(|| streams.push(stream))
    })
    .await;
    drop(streams);
    let cancel = format!("/v1/batches/{id}/cancel");
    api.post_raw(&cancel, "application/json", Vec::new()).await;
    ended(&api, &id).await;
    api.finish().await;
}

#[tokio::test]
async fn a_page_of_ended_batches_is_one_listing_and_a_look_whether_each_is_there() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    for number in 0..12 {
        let name = format!("n{number}");
        let id = create(&api, json!({"items": items(&album, &[&name])})).await;
        ended(&api, &id).await;
    }
    eventually("all are closed", async || {
        let open = api.ledger.open_batches().await.expect("lists");
        open.is_empty().then_some(())
    })
    .await;
    let page = || api.get("/v1/batches?limit=10");
    assert_eq!(page().await.json["data"].as_array().map(Vec::len), Some(10));
    let before = api.ledger.requests();
    let list = page().await;
    let asked = api.ledger.requests().since(&before).all();
    // The sweep may have listed meanwhile.
    assert!((11..=13).contains(&asked), "{asked} requests");
    assert_eq!(list.json["has_more"], true);
    let last = list.json["last_id"].as_str().expect("an id").to_owned();
    let rest = api.get(&format!("/v1/batches?limit=10&after={last}")).await;
    assert_eq!(rest.json["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(rest.json["has_more"], false);
    api.finish().await;
}
