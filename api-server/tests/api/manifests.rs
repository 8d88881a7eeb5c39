//! Lists that lie in a folder: of every kind, broken, and where they must not.

use std::{os::unix::fs::symlink, path::PathBuf};

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;
use testing::tables::{parquet, texts};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::{
    batches::{ended, lines, outcomes, started},
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

struct Lists(TempDir);

impl Lists {
    fn new() -> Self {
        let lists = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(lists.path("in")).unwrap();
        lists
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn url(&self, name: &str) -> String {
        Url::from_file_path(self.path(name)).unwrap().into()
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Value {
        std::fs::write(self.path(name), content).unwrap();
        json!({"manifest": self.url(name), "features": ["tags"]})
    }

    async fn api(&self, album: &Album, more: &[&str]) -> Harness {
        let allow = self.url("in");
        started(
            album,
            &[&["--batch-allow", &allow, "--batch-shard-items", "4"], more].concat(),
            Behaviour::Look,
        )
        .await
    }
}

async fn post(api: &Harness, body: &Value) -> Reply {
    api.post_raw(
        "/v1/batches",
        "application/json",
        body.to_string().into_bytes(),
    )
    .await
}

async fn end(api: &Harness, body: &Value) -> Value {
    let reply = post(api, body).await;
    assert_eq!(
        (reply.status, &reply.json["status"]),
        (202, &json!("validating")),
        "{}",
        reply.json
    );
    ended(api, reply.json["id"].as_str().unwrap()).await
}

async fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = GzipEncoder::new(Vec::new());
    gzip.write_all(text.as_bytes()).await.unwrap();
    gzip.shutdown().await.unwrap();
    gzip.into_inner()
}

async fn zstd(text: &str) -> Vec<u8> {
    let mut zstd = ZstdEncoder::new(Vec::new());
    zstd.write_all(text.as_bytes()).await.unwrap();
    zstd.shutdown().await.unwrap();
    zstd.into_inner()
}

#[tokio::test]
async fn lists_of_every_kind_are_the_same_batch() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &[]).await;
    let ids: Vec<_> = (0..10).map(|n| format!("photo {n}")).collect();
    let urls: Vec<_> = (0..10)
        .map(|n| album.url(&format!("{}-{n}", if n == 3 { "dead" } else { "good" })))
        .collect();
    let pairs = || ids.iter().zip(&urls);
    let ndjson: String = pairs()
        .map(|(id, url)| json!({"custom_id": id, "url": url}).to_string() + "\n")
        .collect();
    let rows: String = pairs()
        .map(|(id, url)| format!("7,\"{id}\",{url}\r\n"))
        .collect();
    let csv = format!("size,custom_id,url\r\n{rows}");
    let table = parquet(
        &[
            ("size", texts(vec!["7"; 10])),
            ("url", texts(&urls)),
            ("custom_id", texts(&ids)),
        ],
        6,
    );
    let bodies = [
        lists.put("in/a.ndjson", &ndjson),
        lists.put("in/a.jsonl.gz", gzip(&ndjson).await),
        lists.put("in/a.csv", &csv),
        lists.put("in/a.csv.zst", zstd(&csv).await),
        lists.put("in/a.parquet", &table),
        json!({"manifest": lists.put("in/export-0001", &table)["manifest"], "format": "parquet"}),
    ];
    for body in bodies {
        let batch = end(&api, &body).await;
        assert_eq!(
            (&batch["status"], &batch["request_counts"]["total"]),
            (&json!("completed"), &json!(10)),
            "{body}"
        );
        let told = outcomes(&api, batch["id"].as_str().unwrap()).await;
        let expected = ids.iter().map(|id| {
            (
                id.clone(),
                if id == "photo 3" {
                    "source_http_error"
                } else {
                    "ok"
                }
                .into(),
            )
        });
        assert_eq!(told, expected.collect(), "{body}");
    }
    api.finish().await;
}

#[tokio::test]
async fn rows_without_a_name_are_called_by_their_number() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &[]).await;
    let urls: Vec<_> = (0..3).map(|n| album.url(&format!("good-{n}"))).collect();
    let table = parquet(&[("url", texts(&urls))], 2);
    for body in [
        lists.put("in/a.csv", format!("url\n{}", urls.join("\n"))),
        lists.put("in/a.parquet", table),
    ] {
        let batch = end(&api, &body).await;
        let told = outcomes(&api, batch["id"].as_str().unwrap()).await;
        assert_eq!(told.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
    }
    api.finish().await;
}

#[tokio::test]
async fn nothing_is_opened_that_is_not_allowed() {
    let album = Album::start().await;
    let lists = Lists::new();
    let good = lists.put("in/a.csv", "url\nhttp://a.example/\n");
    let closed = started(&album, &[], Behaviour::Look).await;
    post(&closed, &good)
        .await
        .is_problem(422, "manifest_not_allowed");
    closed.finish().await;

    let others = format!("shop={}", lists.url("in"));
    let closed = started(&album, &["--batch-allow", &others], Behaviour::Look).await;
    post(&closed, &good)
        .await
        .is_problem(422, "manifest_not_allowed");
    closed.finish().await;

    let api = lists.api(&album, &[]).await;
    lists.put("secret.csv", "url\nhttp://a.example/\n");
    symlink(lists.path("secret.csv"), lists.path("in/link.csv")).unwrap();
    symlink(lists.path(""), lists.path("in/up")).unwrap();
    std::fs::create_dir(lists.path("in/folder.csv")).unwrap();
    let folder = lists.url("in");
    for (url, code) in [
        (lists.url("secret.csv"), "manifest_not_allowed"),
        (format!("{folder}/../secret.csv"), "manifest_not_allowed"),
        (
            format!("{folder}/%2e%2e/secret.csv"),
            "manifest_not_allowed",
        ),
        (format!("{folder}/..%2fsecret.csv"), "manifest_not_allowed"),
        (format!("{folder}2/a.csv"), "manifest_not_allowed"),
        ("file:///etc/passwd.csv".into(), "manifest_not_allowed"),
        ("file://host/in/a.csv".into(), "manifest_not_allowed"),
        ("s3://bucket/a.csv".into(), "manifest_not_allowed"),
        ("http://127.0.0.1/a.csv".into(), "manifest_not_allowed"),
        ("a.csv".into(), "manifest_not_allowed"),
        (format!("{folder}/link.csv"), "manifest_unreadable"),
        (format!("{folder}/up/secret.csv"), "manifest_unreadable"),
        (format!("{folder}/folder.csv"), "manifest_unreadable"),
        (format!("{folder}/missing.csv"), "manifest_unreadable"),
    ] {
        let reply = post(&api, &json!({"manifest": url})).await;
        reply.is_problem(422, code);
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(
            !detail.contains(lists.path("").to_str().unwrap()),
            "{detail} tells where things are"
        );
    }
    for body in [
        json!({"manifest": lists.url("in/a.csv"), "items": [{"custom_id": "a", "url": "http://a.example/"}]}),
        json!({"manifest": lists.url("in/a.xyz")}),
        json!({"manifest": lists.url("in/a.csv"), "format": "xml"}),
        json!({"manifest": lists.url("in/a.parquet.gz"), "format": "parquet"}),
        json!({"items": [{"custom_id": "a", "url": "http://a.example/"}], "format": "csv"}),
        json!({}),
    ] {
        post(&api, &body).await.is_problem(400, "invalid_request");
    }
    assert_eq!(
        api.get("/v1/batches").await.json["data"],
        json!([]),
        "nothing was begun"
    );
    api.finish().await;
}

#[tokio::test]
async fn the_service_does_not_start_where_its_state_would_be_open() {
    let lists = Lists::new();
    let store = lists.url("in/store");
    let allow = lists.url("in");
    std::fs::create_dir(lists.path("in/store")).unwrap();
    for allow in [allow, store.clone()] {
        let open = common::outside::Outside::of_batches(&common::store::StoreConfig {
            store_url: Some(store.clone()),
            batch_allow: vec![allow],
            ..Default::default()
        });
        assert!(open.unwrap_err().to_string().contains("its own state"));
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_fails_as_a_whole() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &["--batch-max-items", "50"]).await;
    let good = (0..10)
        .map(|n| format!("{n},{}\n", album.url("good-1")))
        .collect::<String>();
    let csv = |rows: &str| format!("custom_id,url\n{good}{rows}");
    let table = |url: Vec<_>| parquet(&[("url", url)], 100);
    let urls = || texts(vec!["http://a.example/"; 100]);
    let strict = |mut body: Value| {
        body["strict"] = true.into();
        body
    };
    let whole = table(urls());
    let cut = &whole[..whole.len() / 2];
    let mut garbled = whole.clone();
    garbled[whole.len() / 3..whole.len() / 2].fill(0xff);
    let cases = [
        (
            lists.put("in/1.csv", csv("x,\"never closed\n").replace("url", "path")),
            "no column `url`",
        ),
        (
            strict(lists.put("in/2.csv", csv("x\n"))),
            "row 11: it has 1 cells",
        ),
        (
            strict(lists.put("in/3.csv", csv(&format!("x,\"{}\n", "a".repeat(200_000))))),
            "row 11: it is longer than",
        ),
        (
            strict(lists.put("in/4.csv", csv(&format!("{},http://a/\n", "x".repeat(300))))),
            "row 11: custom_id has 300 characters",
        ),
        (lists.put("in/5.csv", ""), "the list is empty"),
        (lists.put("in/6.csv", "url\n"), "The batch has no items."),
        (lists.put("in/7.csv.bz2.csv", b"BZh91AY&SY"), "bzip2"),
        (
            strict(lists.put(
                "in/8.ndjson",
                format!("{}\nnonsense\n", json!({"custom_id": "a", "url": "u"})),
            )),
            "row 2: it is not a JSON object",
        ),
        (lists.put("in/9.ndjson", &whole), ""),
        (lists.put("in/10.parquet", csv("")), "is no Parquet file"),
        (
            lists.put("in/11.parquet", cut),
            "the Parquet file cannot be read",
        ),
        (
            lists.put("in/12.parquet", &garbled),
            "the Parquet file cannot be read",
        ),
        (
            lists.put("in/13.parquet", parquet(&[("path", urls())], 10)),
            "no column `url`",
        ),
        (
            lists.put("in/14.parquet", table(texts(["a".repeat(1 << 20)]))),
            "is longer than",
        ),
        (
            lists.put("in/15.parquet", table(vec![b"\xff\xfe".to_vec().into()])),
            "is not UTF-8",
        ),
        (
            lists.put("in/16.parquet", &whole),
            "A batch may have 50 items.",
        ),
    ];
    for (body, why) in cases {
        let batch = end(&api, &body).await;
        let said = batch["errors"]["data"][0]["message"]
            .as_str()
            .unwrap_or_default();
        assert!(
            batch["status"] == "failed" && said.contains(why),
            "{body}: {batch}"
        );
        assert!(batch["failed_at"].is_u64() && batch["request_counts"]["total"] == 0);
        let path = format!("/v1/batches/{}/results", batch["id"].as_str().unwrap());
        assert!(lines(&api, &path).await.is_empty(), "there are none");
    }
    assert_eq!(album.all_hits(), 0, "nothing was begun");
    api.finish().await;
}

/// 600 MiB in one page of 600 KiB: more than the process that reads it may have.
#[tokio::test]
async fn a_bomb_costs_its_own_batch_alone() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &[]).await;
    let cell = texts(["a".repeat(16_000)]).remove(0);
    let bomb = parquet(&[("url", vec![cell; 40_000])], 40_000);
    assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
    let batch = end(&api, &lists.put("in/bomb.parquet", bomb)).await;
    let said = batch["errors"]["data"][0]["message"].as_str().unwrap();
    assert!(
        batch["status"] == "failed" && said.contains("too much memory"),
        "{batch}"
    );
    let good = lists.put("in/good.csv", format!("url\n{}", album.url("good-1")));
    assert_eq!(end(&api, &good).await["status"], "completed");
    api.finish().await;
}

#[tokio::test]
async fn a_list_of_empty_lines_is_refused_and_holds_nobody_up() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &[]).await;
    let empty = "\n".repeat(32 << 20);
    for (name, list) in [
        ("in/a.csv", format!("url{empty}").into_bytes()),
        ("in/a.ndjson", empty.clone().into_bytes()),
        ("in/a.csv.gz", gzip(&format!("url{empty}")).await),
        ("in/a.csv.zst", zstd(&format!("url{empty}")).await),
        ("in/a.ndjson.zst", zstd(&empty).await),
    ] {
        let batch = end(&api, &lists.put(name, list)).await;
        let said = batch["errors"]["data"][0]["message"].as_str().unwrap();
        assert!(
            said.contains("empty lines") || said.contains("200 times"),
            "{name}: {batch}"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn a_key_makes_one_batch_of_a_manifest() {
    let album = Album::start().await;
    let lists = Lists::new();
    let api = lists.api(&album, &[]).await;
    let body = lists.put("in/a.csv", format!("url\n{}", album.url("good-1")));
    let other = lists.put("in/b.csv", format!("url\n{}", album.url("good-2")));
    let keyed = async |body: &Value| {
        let request = api
            .client
            .post(api.url("/v1/batches"))
            .header("content-type", "application/json");
        Reply::read(
            request
                .header("idempotency-key", "k")
                .body(body.to_string())
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let first = keyed(&body).await;
    let id = first.json["id"].as_str().unwrap();
    assert_eq!(keyed(&body).await.json["id"], id);
    keyed(&other).await.is_problem(422, "idempotency_mismatch");
    assert_eq!(ended(&api, id).await["status"], "completed");
    assert_eq!(keyed(&body).await.json["status"], "completed");
    api.finish().await;
}
