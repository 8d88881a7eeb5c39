//! Batches from one end to the other: a list goes in, every item comes out once.

use std::{collections::BTreeMap, time::Duration};

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use identity::NewKey;
use serde_json::{Value, json};
use testing::servers::eventually;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

/// Short pauses, so that tests of tries end.
const QUICK: [&str; 4] = ["--migrate-pause-ms", "20", "--fetch-host-pause-ms", "50"];

pub async fn started(album: &Album, more: &[&str], behaviour: Behaviour) -> Harness {
    let origin = ["--fetch-allow-origin", album.base.as_str()];
    Harness::with(&[&origin[..], &QUICK[..], more].concat(), behaviour).await
}

pub fn items(album: &Album, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| json!({"custom_id": format!("id {name}"), "url": album.url(name)}))
        .collect()
}

pub async fn create(api: &Harness, body: Value) -> String {
    let reply = api
        .post_raw(
            "/v1/batches",
            "application/json",
            body.to_string().into_bytes(),
        )
        .await;
    assert_eq!(reply.status, 202, "{}", reply.json);
    reply.json["id"].as_str().expect("an id").to_owned()
}

pub async fn ended(api: &Harness, id: &str) -> Value {
    eventually("the batch ends", async || {
        let batch = api.get(&format!("/v1/batches/{id}")).await.json;
        matches!(
            batch["status"].as_str(),
            Some("completed" | "failed" | "cancelled" | "expired")
        )
        .then_some(batch)
    })
    .await
}

pub async fn lines(api: &Harness, path: &str) -> Vec<Value> {
    let reply = api.get(path).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "application/x-ndjson"),
        "{}",
        reply.json
    );
    read(&reply)
}

fn read(reply: &Reply) -> Vec<Value> {
    match &reply.json {
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect(),
        one => vec![one.clone()],
    }
}

/// The ledger's promise: every item is a result or an error, and is so once.
pub async fn outcomes(api: &Harness, id: &str) -> BTreeMap<String, String> {
    let results = lines(api, &format!("/v1/batches/{id}/results")).await;
    let errors = lines(api, &format!("/v1/batches/{id}/errors")).await;
    let done = results.len();
    let failed = errors.len();
    assert!(
        results
            .iter()
            .all(|line| line["error"].is_null() && line["response"]["status_code"] == 200)
    );
    assert!(errors.iter().all(|line| line["response"].is_null()));
    let told = results.into_iter().chain(errors).map(|line| {
        let code = line["error"]["code"].as_str().unwrap_or("ok").to_owned();
        (line["custom_id"].as_str().expect("a name").to_owned(), code)
    });
    let told: BTreeMap<_, _> = told.collect();
    assert_eq!(told.len(), done + failed, "none twice");
    let batch = api.get(&format!("/v1/batches/{id}")).await.json;
    assert_eq!(
        batch["request_counts"],
        json!({"total": told.len(), "completed": done, "failed": failed})
    );
    told
}

#[tokio::test]
async fn every_item_ends_once_and_as_it_must() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let mut list = items(
        &album,
        &[
            "a",
            "b",
            "dead-1",
            "dead-2",
            "broken-1",
            "flaky-1",
            "failing-1",
        ],
    );
    let more = [
        json!({"custom_id": "again", "url": album.url("a")}),
        json!({"custom_id": "no URL", "url": "cat.jpg"}),
        json!({"custom_id": "private", "url": "http://127.0.0.1:80/"}),
    ];
    list.as_array_mut().unwrap().extend(more);
    let id = create(
        &api,
        json!({"items": list, "features": ["tags"], "metadata": {"album": "7"}}),
    )
    .await;
    let batch = ended(&api, &id).await;
    assert_eq!(
        (&batch["status"], &batch["metadata"]),
        (&json!("completed"), &json!({"album": "7"}))
    );
    assert_eq!(batch["failures"]["by_code"]["source_http_error"], 3);
    assert_eq!(batch["failures"]["by_host"]["127.0.0.1"], 4, "{batch}");
    let times = [
        "created_at",
        "in_progress_at",
        "finalizing_at",
        "completed_at",
    ]
    .map(|at| batch[at].as_u64());
    assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    let expected = [
        ("again", "ok"),
        ("id a", "ok"),
        ("id b", "ok"),
        ("id broken-1", "image_truncated"),
        ("id dead-1", "source_http_error"),
        ("id dead-2", "source_http_error"),
        ("id failing-1", "source_http_error"),
        ("id flaky-1", "ok"),
        ("no URL", "invalid_url"),
        ("private", "source_unreachable"),
    ];
    let told = outcomes(&api, &id).await;
    assert_eq!(
        told.iter()
            .map(|(id, code)| (id.as_str(), code.as_str()))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        [album.hits("a"), album.hits("dead-1")],
        [1, 1],
        "once, whoever else names it"
    );
    // What fails while its host has asked for a rest does not count.
    assert!(
        (4..=8).contains(&album.hits("failing-1")),
        "{}",
        album.hits("failing-1")
    );
    let errors = lines(&api, &format!("/v1/batches/{id}/errors")).await;
    let failing = errors
        .iter()
        .find(|line| line["custom_id"] == "id failing-1")
        .unwrap();
    assert_eq!(
        (&failing["error"]["attempts"], &failing["line"]),
        (&json!(4), &json!(7))
    );
    let results = lines(&api, &format!("/v1/batches/{id}/results")).await;
    let body = &results[0]["response"]["body"];
    assert_eq!(
        (&body["image"]["width"], &body["model"]["name"]),
        (&json!(64), &json!("fake-tagger"))
    );
    api.finish().await;
}

#[tokio::test]
async fn shards_are_read_in_pages_as_in_one_piece() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "4"], Behaviour::Look).await;
    let names: Vec<_> = (0..150)
        .map(|n| format!("{}-{n}", if n % 5 == 0 { "dead" } else { "good" }))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    assert_eq!(ended(&api, &id).await["status"], "completed");
    let told = outcomes(&api, &id).await;
    assert_eq!(
        told.values()
            .filter(|code| *code == "source_http_error")
            .count(),
        30
    );
    assert_eq!(told.len(), 150);
    for kind in ["results", "errors"] {
        let whole = lines(&api, &format!("/v1/batches/{id}/{kind}")).await;
        let mut pages = Vec::new();
        let mut cursor = String::from("0-0");
        loop {
            let reply = api
                .get(&format!("/v1/batches/{id}/{kind}?limit=7&after={cursor}"))
                .await;
            let page = read(&reply);
            if page.is_empty() || reply.json == "" {
                break;
            }
            assert!(page.len() <= 7);
            pages.extend(page);
            cursor = reply.header("x-next-cursor").to_owned();
        }
        assert_eq!(pages, whole, "{kind}");
    }
    api.finish().await;
}

#[tokio::test]
async fn progress_and_results_show_while_it_runs() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Slow(25)).await;
    let names: Vec<_> = (0..120).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    let path = format!("/v1/batches/{id}");
    let seen = eventually("some are done, and not all", async || {
        let batch = api.get(&path).await.json;
        assert_ne!(batch["status"], "completed", "it was seen on the way");
        let done = batch["request_counts"]["completed"].as_u64()?;
        (batch["status"] == "in_progress" && done > 0 && batch["rate_per_s"].is_f64())
            .then_some(done)
    })
    .await;
    let early = api.get(&format!("{path}/results")).await;
    let first = read(&early);
    assert!(first.len() as u64 >= seen, "what is counted can be read");
    ended(&api, &id).await;
    let rest = lines(
        &api,
        &format!("{path}/results?after={}", early.header("x-next-cursor")),
    )
    .await;
    assert_eq!(
        [first, rest].concat(),
        lines(&api, &format!("{path}/results")).await
    );
    api.finish().await;
}

#[tokio::test]
async fn lines_come_packed_for_who_can_unpack_them() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Slow(1)).await;
    let names: Vec<_> = (0..50).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    ended(&api, &id).await;
    let path = format!("/v1/batches/{id}/results");
    let plain = packed_as(&api, &path, "identity").await;
    assert_eq!(plain.lines().count(), 50);
    assert_eq!(packed_as(&api, &path, "gzip").await, plain);
    assert_eq!(packed_as(&api, &path, "zstd").await, plain);
    api.finish().await;
}

/// Returns the lines that come in this encoding; nothing else may come.
async fn packed_as(api: &Harness, path: &str, encoding: &str) -> String {
    let request = api.client.get(api.url(path));
    let reply = request.header("accept-encoding", encoding).send().await;
    let reply = reply.expect("an answer");
    let packed = reply.headers().get("content-encoding").cloned();
    let bytes = reply.bytes().await.expect("a body");
    let expected = (encoding != "identity").then_some(encoding);
    assert_eq!(
        packed.as_ref().map(|name| name.as_bytes()),
        expected.map(str::as_bytes)
    );
    let plain = match encoding {
        "gzip" => unpacked(GzipDecoder::new(&bytes[..])).await,
        "zstd" => unpacked(ZstdDecoder::new(&bytes[..])).await,
        _ => return String::from_utf8(bytes.into()).expect("text"),
    };
    assert!(
        bytes.len() * 4 < plain.len(),
        "{} of {}",
        bytes.len(),
        plain.len()
    );
    plain
}

async fn unpacked(packed: impl AsyncRead) -> String {
    let mut plain = String::new();
    let mut packed = std::pin::pin!(packed);
    packed
        .read_to_string(&mut plain)
        .await
        .expect("a whole stream");
    plain
}

#[tokio::test]
async fn events_tell_how_it_goes_until_it_ends() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Slow(40)).await;
    let names: Vec<_> = (0..100).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    let events = api.get(&format!("/v1/batches/{id}/events")).await;
    assert_eq!(
        (events.status, events.header("content-type")),
        (200, "text/event-stream")
    );
    let text = events.json.as_str().unwrap();
    let told: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let done: Vec<_> = told
        .iter()
        .map(|batch| batch["request_counts"]["completed"].as_u64().unwrap())
        .collect();
    assert!(done.len() >= 3 && done.is_sorted(), "{done:?}");
    assert_eq!(
        (told.last().unwrap()["status"].as_str(), done.last()),
        (Some("completed"), Some(&100))
    );
    api.finish().await;
}

#[tokio::test]
async fn events_repeat_no_state_while_nothing_is_done() {
    let album = Album::start().await;
    let api = started(&album, &["--migrate-items", "1"], Behaviour::Slow(2_500)).await;
    let id = create(&api, json!({"items": items(&album, &["good-1", "good-2"])})).await;
    let events = api.get(&format!("/v1/batches/{id}/events")).await;
    let text = events.json.as_str().unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut told: Vec<Value> = data
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    for batch in &mut told {
        let batch = batch.as_object_mut().unwrap();
        batch.remove("rate_per_s");
        batch.remove("eta");
    }
    let all = told.len();
    told.dedup();
    assert!((2..=6).contains(&all) && told.len() == all, "{told:#?}");
    api.finish().await;
}

#[tokio::test]
async fn a_cancelled_batch_ends_with_every_item_told() {
    let album = Album::start().await;
    let api = started(
        &album,
        &["--migrate-items", "4", "--batch-shard-items", "50"],
        Behaviour::Slow(30),
    )
    .await;
    let names: Vec<_> = (0..200).map(|n| format!("good-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let id = create(&api, json!({"items": items(&album, &names)})).await;
    eventually("it is under way", async || {
        (album.all_hits() > 3).then_some(())
    })
    .await;
    let reply = api
        .post_raw(
            &format!("/v1/batches/{id}/cancel"),
            "application/json",
            vec![],
        )
        .await;
    assert_eq!(
        (reply.status, &reply.json["status"]),
        (200, &json!("cancelling"))
    );
    let batch = ended(&api, &id).await;
    assert_eq!(batch["status"], "cancelled");
    let told = outcomes(&api, &id).await;
    assert_eq!(told.len(), 200);
    assert!(
        told.values().any(|code| code == "ok")
            && told.values().any(|code| code == "batch_cancelled")
    );
    let again = api
        .post_raw(
            &format!("/v1/batches/{id}/cancel"),
            "application/json",
            vec![],
        )
        .await;
    assert_eq!(
        (again.status, &again.json["status"]),
        (200, &json!("cancelled")),
        "an end is an end"
    );
    api.finish().await;
}

#[tokio::test]
async fn tenants_see_their_own_batches_the_newest_first() {
    let album = Album::start().await;
    let keys = ["one", "two"].map(|tenant| NewKey::random(tenant, 1e4, None).unwrap());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(
        &mut file,
        format!("{}{}", keys[0].entry, keys[1].entry).as_bytes(),
    )
    .unwrap();
    let api = started(
        &album,
        &["--api-keys", file.path().to_str().unwrap()],
        Behaviour::Look,
    )
    .await;
    let ask = async |method: http::Method, path: &str, key: &NewKey, body: Value| {
        let request = api
            .client
            .request(method, api.url(path))
            .bearer_auth(&key.key)
            .json(&body);
        Reply::read(request.send().await.unwrap()).await
    };
    let mut ids = Vec::new();
    for n in 0..3 {
        let body = json!({"items": items(&album, &[&format!("good-{n}")])});
        ids.push(
            ask(http::Method::POST, "/v1/batches", &keys[0], body)
                .await
                .json["id"]
                .clone(),
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ids.reverse();
    let get = async |path: &str, key| ask(http::Method::GET, path, key, Value::Null).await;
    let page = get("/v1/batches?limit=2", &keys[0]).await.json;
    assert_eq!(
        [&page["data"][0]["id"], &page["data"][1]["id"]],
        [&ids[0], &ids[1]]
    );
    assert_eq!(page["has_more"], true);
    let after = page["last_id"].as_str().unwrap();
    let rest = get(&format!("/v1/batches?limit=2&after={after}"), &keys[0])
        .await
        .json;
    assert_eq!(
        (
            rest["data"].as_array().unwrap().len(),
            &rest["data"][0]["id"]
        ),
        (1, &ids[2])
    );
    assert_eq!(get("/v1/batches", &keys[1]).await.json["data"], json!([]));
    let id = ids[0].as_str().unwrap();
    for path in ["", "/results", "/errors"] {
        get(&format!("/v1/batches/{id}{path}"), &keys[1])
            .await
            .is_problem(404, "not_found");
        assert_eq!(
            get(&format!("/v1/batches/{id}{path}"), &keys[0])
                .await
                .status,
            200
        );
    }
    let cancel = format!("/v1/batches/{id}/cancel");
    ask(http::Method::POST, &cancel, &keys[1], Value::Null)
        .await
        .is_problem(404, "not_found");
    for id in ["batch_1", "..", "%2e%2e%2fone"] {
        get(&format!("/v1/batches/{id}"), &keys[0])
            .await
            .is_problem(404, "not_found");
    }
    eventually("all are done", async || {
        let all = get("/v1/batches", &keys[0]).await.json;
        all["data"]
            .as_array()?
            .iter()
            .all(|batch| batch["status"] == "completed")
            .then_some(())
    })
    .await;
    api.finish().await;
}
