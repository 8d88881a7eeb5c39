//! Lists and results in a bucket, and lists of every kind from the command line.

use serde_json::{Value, json};
use testing::pictures::photo;
use testing::servers::eventually;
use testing::tables::{parquet, texts};

use crate::support::{album::Album, bucket::Bucket, process::Process};

async fn service(album: &Album, bucket: &Bucket, store: &std::path::Path) -> Process {
    let settings = [
        ("TAGFLEET_STORE_URL", format!("file://{}", store.display())),
        (
            "TAGFLEET_BATCH_ALLOW",
            "s3://lists/in,s3://lists/out".to_owned(),
        ),
        (
            "TAGFLEET_SOURCE_ALLOW",
            "s3://photos/shown,somebody=s3://photos/theirs".to_owned(),
        ),
        ("TAGFLEET_BATCH_SHARD_ITEMS", "10".to_owned()),
        ("TAGFLEET_FETCH_ALLOW_ORIGINS", album.origins()),
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
    ];
    Process::bare("serve", &[&settings[..], &bucket.settings()].concat()).await
}

/// Every tenth is dead.
fn urls(album: &Album, count: usize) -> Vec<String> {
    let base = album
        .origins()
        .split(',')
        .next()
        .expect("an origin")
        .to_owned();
    (0..count)
        .map(|n| {
            format!(
                "{base}/{}-{n}.jpg",
                if n % 10 == 3 { "dead" } else { "good" }
            )
        })
        .collect()
}

async fn completed(service: &Process, id: &str) -> Value {
    eventually("the batch is completed", async || {
        let batch: Value =
            serde_json::from_str(&service.get(&format!("/v1/batches/{id}")).await?).ok()?;
        assert_ne!(batch["status"], "failed", "{batch}");
        (batch["status"] == "completed").then_some(batch)
    })
    .await
}

#[tokio::test]
async fn a_list_in_a_bucket_becomes_results_in_a_bucket() {
    let album = Album::start().await;
    let bucket = Bucket::start().await;
    let store = tempfile::tempdir().expect("a folder");
    let urls = urls(&album, 25);
    bucket.put(
        "lists/in/photos.parquet",
        parquet(&[("url", texts(&urls))], 7),
    );
    bucket.put("lists/private/photos.csv", "url\nhttp://a.example/\n");
    let mut service = service(&album, &bucket, store.path()).await;
    for url in [
        "s3://lists/private/photos.csv",
        "s3://lists/in/../private/photos.csv",
        "s3://other/in/photos.csv",
    ] {
        let refused = service.post("/v1/batches", &json!({"manifest": url})).await;
        assert_eq!(
            (&refused["status"], &refused["code"]),
            (&json!(422), &json!("manifest_not_allowed")),
            "{url}"
        );
    }
    let missing = service
        .post(
            "/v1/batches",
            &json!({"manifest": "s3://lists/in/none.csv"}),
        )
        .await;
    assert_eq!(missing["code"], "manifest_unreadable");

    let body = json!({"manifest": "s3://lists/in/photos.parquet", "output": "s3://lists/out/today", "features": ["tags"]});
    let begun = service.post("/v1/batches", &body).await;
    let id = begun["id"].as_str().expect("an id");
    let batch = completed(&service, id).await;
    assert_eq!(
        batch["request_counts"],
        json!({"total": 25, "completed": 22, "failed": 3})
    );
    assert_eq!(batch["output"]["url"], format!("s3://lists/out/today/{id}"));
    let files = bucket.below(&format!("lists/out/today/{id}/"));
    let lines = |kind: &str| -> usize {
        files
            .iter()
            .filter(|(name, _)| name.starts_with(kind))
            .map(|(_, text)| text.lines().count())
            .sum()
    };
    assert_eq!(
        (lines("results-"), lines("errors-")),
        (22, 3),
        "{:?}",
        files.keys()
    );
    assert!(files.contains_key("batch.json"));
    assert_eq!(bucket.refused(), 0);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test]
async fn images_in_a_bucket_are_read_by_those_who_may() {
    let album = Album::start().await;
    let bucket = Bucket::start().await;
    let store = tempfile::tempdir().expect("a folder");
    for folder in ["shown", "theirs", "private"] {
        bucket.put(&format!("photos/{folder}/a.jpg"), photo(64, 48));
    }
    let mut service = service(&album, &bucket, store.path()).await;
    let body = |url: &str| json!({"image": {"url": url}, "features": ["tags"]});
    let answer = service
        .post("/v1/tags", &body("s3://photos/shown/a.jpg"))
        .await;
    assert_eq!(answer["image"]["width"], 64, "{answer}");
    for (url, code) in [
        ("s3://photos/theirs/a.jpg", "source_not_allowed"),
        ("s3://photos/private/a.jpg", "source_not_allowed"),
        ("s3://photos/shown/../private/a.jpg", "source_not_allowed"),
        ("s3://photos/shown/none.jpg", "source_http_error"),
    ] {
        let refused = service.post("/v1/tags", &body(url)).await;
        assert_eq!(refused["status"], 422, "{url}: {refused}");
        assert_eq!(refused["code"], code, "{url}: {refused}");
    }
    let items = json!({"items": [
        {"url": "s3://photos/shown/a.jpg"},
        {"url": "s3://photos/private/a.jpg"},
    ], "features": ["tags"]});
    let begun = service.post("/v1/batches", &items).await;
    let id = begun["id"].as_str().expect("an id");
    let batch = completed(&service, id).await;
    assert_eq!(
        batch["request_counts"],
        json!({"total": 2, "completed": 1, "failed": 1})
    );
    let failed = service.batch_lines("errors", id).await;
    assert_eq!(
        failed[0]["error"]["code"], "source_not_allowed",
        "{failed:?}"
    );
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test]
async fn a_list_is_taken_in_though_whoever_reads_it_is_killed() {
    let album = Album::start().await;
    let bucket = Bucket::start().await;
    let store = tempfile::tempdir().expect("a folder");
    let rows: String = urls(&album, 60)
        .iter()
        .map(|url| format!("{url},{}\n", "x".repeat(2_000)))
        .collect();
    bucket.put("lists/in/hangs.csv", format!("url,note\n{rows}"));
    let mut first = service(&album, &bucket, store.path()).await;
    let begun = first
        .post(
            "/v1/batches",
            &json!({"manifest": "s3://lists/in/hangs.csv", "features": ["tags"]}),
        )
        .await;
    let id = begun["id"].as_str().expect("an id").to_owned();
    let shards = store.path().join(format!("batches/default/{id}/shards"));
    let stored = || std::fs::read_dir(&shards).map_or(0, Iterator::count);
    eventually("half of it is here", async || {
        (bucket.has_hung() && stored() >= 2).then_some(())
    })
    .await;
    first.kill9();
    assert!(stored() < 6, "and no more than half");
    let mut second = service(&album, &bucket, store.path()).await;
    let batch = completed(&second, &id).await;
    assert_eq!(
        batch["request_counts"],
        json!({"total": 60, "completed": 54, "failed": 6})
    );
    let [done, failed] = ["results", "errors"].map(|kind| second.batch_lines(kind, &id));
    let mut told: Vec<u64> = [done.await, failed.await]
        .concat()
        .iter()
        .filter_map(|line| line["line"].as_u64())
        .collect();
    told.sort_unstable();
    assert_eq!(told, (1..=60).collect::<Vec<_>>(), "each once");
    assert_eq!(second.terminate().await, Some(0));
}

#[tokio::test]
async fn the_command_line_sends_lists_of_every_kind_and_asks_before() {
    let album = Album::start().await;
    let bucket = Bucket::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut service = service(&album, &bucket, &folder.path().join("store")).await;
    let urls = urls(&album, 20);
    let lists = [
        ("a.csv", format!("url\n{}\n", urls.join("\n")).into_bytes()),
        ("a.parquet", parquet(&[("url", texts(&urls))], 20)),
    ];
    for (name, content) in lists {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("written");
        let path = path.to_str().expect("UTF-8");
        let said = service
            .batch(&[
                "submit",
                path,
                "--no-caption",
                "--dry-run",
                "0.1",
                "--watch",
            ])
            .await;
        assert!(
            said.contains("the whole list, by 20 of its 20 images")
                && said.contains("failures  2 (10.00 %"),
            "{said}"
        );
        let id = service.batch(&["submit", path, "--no-caption"]).await;
        let batch = completed(&service, id.trim()).await;
        assert_eq!(
            batch["request_counts"],
            json!({"total": 20, "completed": 18, "failed": 2}),
            "{name}"
        );
    }
    assert_eq!(service.terminate().await, Some(0));
}
