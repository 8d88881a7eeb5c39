//! Results that go where their owner wants them.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;
use testing::{
    objects::{FaultyStore, StoreFault},
    servers::eventually,
};
use url::Url;

use crate::{
    batches::{create, ended, items, lines, started},
    harness::Harness,
    support::{album::Album, worker::Behaviour},
};

fn url(folder: &Path) -> String {
    Url::from_file_path(folder).unwrap().into()
}

async fn api(album: &Album, folder: &TempDir, more: &[&str]) -> Harness {
    let allow = url(folder.path());
    let options = [&["--batch-allow", &allow, "--batch-shard-items", "4"], more].concat();
    started(album, &options, Behaviour::Look).await
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .map(|f| {
            (
                f.file_name().into_string().unwrap(),
                std::fs::read_to_string(f.path()).unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn results_lie_there_when_the_batch_ends() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let api = api(&album, &folder, &[]).await;
    let output = format!("{}/out", url(folder.path()));
    let names = ["a", "b", "c", "d", "dead-1", "e", "f", "g", "h", "i"];
    let body =
        json!({"items": items(&album, &names), "output": output, "metadata": {"album": "7"}});
    let id = create(&api, body).await;
    let batch = ended(&api, &id).await;
    let said = &batch["output"];
    assert_eq!(
        (&batch["status"], &said["status"]),
        (&json!("completed"), &json!("written")),
        "{batch}"
    );
    assert_eq!(said["url"], format!("{output}/{id}"));
    let files = read(&folder.path().join("out").join(&id));
    let expected = [
        "batch.json",
        "errors-00000001.ndjson",
        "results-00000000.ndjson",
        "results-00000001.ndjson",
        "results-00000002.ndjson",
    ];
    assert_eq!(files.keys().collect::<Vec<_>>(), expected);
    assert_eq!(said["files"], 4);
    let of = |kind: &str| -> Vec<Value> {
        let texts = files
            .iter()
            .filter(|(name, _)| name.starts_with(kind))
            .map(|(_, text)| text.lines());
        texts
            .flatten()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    for kind in ["results", "errors"] {
        assert_eq!(
            of(kind),
            lines(&api, &format!("/v1/batches/{id}/{kind}")).await,
            "the same, line for line"
        );
    }
    let whole: Value = serde_json::from_str(&files["batch.json"]).unwrap();
    assert_eq!(
        whole["request_counts"],
        json!({"total": 10, "completed": 9, "failed": 1})
    );
    assert_eq!(whole["metadata"], json!({"album": "7"}));
    api.finish().await;
}

#[tokio::test]
async fn what_was_begun_is_gone_on_with_and_what_is_there_stays() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    let store = tempfile::tempdir().unwrap();
    let store_url = url(store.path());
    let output = url(folder.path());
    // The folder takes nothing yet, so the batch cannot end.
    let options = ["--store-url", &store_url];
    let api1 = api(&album, &folder, &options).await;
    let id = create(
        &api1,
        json!({"items": items(&album, &["a", "b", "c", "d", "e"]), "output": output}),
    )
    .await;
    std::fs::write(folder.path().join(&id), "in the way").unwrap();
    eventually("all is done but the delivery", async || {
        let batch = api1.get(&format!("/v1/batches/{id}")).await.json;
        (batch["status"] == "finalizing" && batch["output"]["status"] == "pending").then_some(())
    })
    .await;
    api1.finish().await;

    std::fs::remove_file(folder.path().join(&id)).unwrap();
    std::fs::create_dir(folder.path().join(&id)).unwrap();
    std::fs::write(
        folder.path().join(&id).join("results-00000000.ndjson"),
        "written before",
    )
    .unwrap();
    let api2 = api(&album, &folder, &options).await;
    let batch = ended(&api2, &id).await;
    assert_eq!(batch["output"]["status"], "written");
    let files = read(&folder.path().join(&id));
    assert_eq!(files["results-00000000.ndjson"], "written before");
    assert!(files.contains_key("results-00000001.ndjson") && files.contains_key("batch.json"));
    assert_eq!(album.all_hits(), 5);
    api2.finish().await;
}

#[tokio::test]
async fn nothing_is_written_where_it_must_not() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    let allow = url(&folder.path().join("in"));
    let api = started(&album, &["--batch-allow", &allow], Behaviour::Look).await;
    for output in [
        url(folder.path()),
        format!("{allow}/../out"),
        format!("{allow}/%2e%2e/out"),
        "file:///etc".to_owned(),
        "s3://bucket/a".to_owned(),
        "out".to_owned(),
        String::new(),
    ] {
        let body = json!({"items": items(&album, &["a"]), "output": output})
            .to_string()
            .into_bytes();
        let reply = api.post_raw("/v1/batches", "application/json", body).await;
        reply.is_problem(422, "output_not_allowed");
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("in/up")).unwrap();
    let id = create(
        &api,
        json!({"items": items(&album, &["a"]), "output": format!("{allow}/up")}),
    )
    .await;
    let batch = ended(&api, &id).await;
    assert_eq!(
        (&batch["status"], &batch["output"]["status"]),
        (&json!("completed"), &json!("failed")),
        "{batch}"
    );
    assert_eq!(batch["output"]["error"]["code"], "output_unwritable");
    assert!(
        !folder.path().join(&id).exists(),
        "the link was not followed"
    );
    assert_eq!(
        lines(&api, &format!("/v1/batches/{id}/results"))
            .await
            .len(),
        1,
        "they can still be read here"
    );
    api.finish().await;
}

/// One after the other they would take hours, and all at once more memory than there is.
#[tokio::test]
async fn thirty_two_files_are_written_at_once_and_no_more() {
    const AT_ONCE: usize = 32;
    const FILES: usize = 40;
    let album = Album::start().await;
    let bucket = FaultyStore::default();
    bucket.fail(StoreFault::Held);
    let options = [
        "--fetch-allow-origin",
        &album.base,
        "--batch-shard-items",
        "1",
    ];
    let api = Harness::with_bucket(&options, Behaviour::Look, &bucket).await;
    let names: Vec<_> = (0..FILES).map(|number| format!("good-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let body = json!({"items": items(&album, &names), "output": "s3://theirs/out"});
    let id = create(&api, body).await;
    eventually("so many are under way", async || {
        (bucket.writes() >= AT_ONCE).then_some(())
    })
    .await;
    // Whatever else can go on has gone on once the same process has answered.
    for _ in 0..3 {
        let batch = api.get(&format!("/v1/batches/{id}")).await.json;
        assert_eq!(batch["output"]["status"], "pending");
        assert_eq!(bucket.writes(), AT_ONCE);
    }
    bucket.heal();
    let batch = ended(&api, &id).await;
    assert_eq!(
        (&batch["output"]["status"], &batch["output"]["files"]),
        (&json!("written"), &json!(FILES)),
        "{batch}"
    );
    assert_eq!(bucket.paths().await.len(), FILES + 1, "and what says so");
    api.finish().await;
}
