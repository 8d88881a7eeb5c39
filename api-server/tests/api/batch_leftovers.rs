//! What is left of batches that came in, or were cleared away, by half.

use std::{fs, io};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use testing::servers::eventually;
use tokio::sync::oneshot;
use url::Url;

use crate::{
    batches::{create, ended, items, outcomes, started},
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

/// As made in 2023.
const OLD: &str = "batch_fe74301a97ff00000000000000000007";

#[tokio::test]
async fn a_batch_that_is_forgotten_by_half_is_none_and_goes_away() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Url::from_directory_path(folder.path()).unwrap().to_string();
    let api = started(&album, &["--store-url", &store], Behaviour::Look).await;
    let mut ids = Vec::new();
    for name in ["a", "b"] {
        ids.push(create(&api, json!({"items": items(&album, &[name])})).await);
        ended(&api, ids.last().unwrap()).await;
    }
    let file = |name: &str| folder.path().join(name);
    fs::remove_file(file(&format!("batches/default/{}/request.json", ids[0]))).unwrap();
    let list = api.get("/v1/batches").await;
    let listed: Vec<_> = list.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|batch| batch["id"].clone())
        .collect();
    assert_eq!((list.status, listed), (200, vec![json!(ids[1])]));
    assert_eq!(
        list.json["last_id"],
        json!(ids[0]),
        "the next page goes on behind it"
    );

    let marker = file(&format!("open/default/{OLD}"));
    let shard = file(&format!("batches/default/{OLD}/shards/0"));
    fs::create_dir_all(shard.parent().unwrap()).unwrap();
    fs::create_dir_all(marker.parent().unwrap()).unwrap();
    fs::write(&shard, "").unwrap();
    fs::write(&marker, "").unwrap();
    eventually("what is left of it goes", async || {
        (!marker.exists() && !shard.exists()).then_some(())
    })
    .await;
    api.finish().await;
}

#[tokio::test]
async fn what_one_server_has_taken_another_one_does_not_clear_away() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = Url::from_directory_path(folder.path()).unwrap().to_string();
    let options = ["--store-url", &store, "--batch-shard-items", "2"];
    let first = started(&album, &options, Behaviour::Look).await;
    let second = started(&album, &options, Behaviour::Look).await;
    let list: String = ["a", "b", "c"].map(|name| line(&album, name)).concat();
    // Its beginning comes to one server, and then nothing, until the other one has taken all of it.
    let (go_on, gate) = oneshot::channel::<()>();
    let rest = stream::once(async {
        gate.await
            .map(|()| "nonsense\n".to_owned())
            .map_err(io::Error::other)
    });
    let pieces = stream::iter([Ok(list.clone())])
        .chain(rest)
        .map(|piece| piece.map(Bytes::from));
    let upload = tokio::spawn(post(&first, reqwest::Body::wrap_stream(pieces)));
    let begun = async || {
        let batch: Value = first.get("/v1/batches").await.json["data"][0]["id"].clone();
        let shard = format!("batches/default/{}/shards/00000000.ndjson", batch.as_str()?);
        folder.path().join(shard).exists().then_some(batch)
    };
    let id = eventually("the first server has begun", begun).await;
    let taken = Reply::read(post(&second, list.into()).await.unwrap()).await;
    assert_eq!((taken.status, &taken.json["id"]), (202, &id));
    go_on.send(()).unwrap();
    Reply::read(upload.await.unwrap().unwrap())
        .await
        .is_problem(400, "invalid_request");
    let id = id.as_str().unwrap();
    assert_eq!(ended(&second, id).await["status"], "completed");
    assert_eq!(outcomes(&second, id).await.len(), 3);
    first.finish().await;
    second.finish().await;
}

fn line(album: &Album, name: &str) -> String {
    // Long enough that a few of them show what the list is.
    let note = "x".repeat(200);
    json!({"custom_id": name, "url": album.url(name), "note": note}).to_string() + "\n"
}

fn post(
    api: &Harness,
    body: reqwest::Body,
) -> impl Future<Output = reqwest::Result<reqwest::Response>> + use<> {
    let request = api
        .client
        .post(api.url("/v1/batches?features=tags&strict=true"))
        .body(body);
    request
        .header("content-type", "application/x-ndjson")
        .header("idempotency-key", "monday")
        .send()
}
