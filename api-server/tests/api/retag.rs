//! Batches that keep their scores, and batches that are made of them: no image is fetched, and no worker asked.

use std::path::Path;

use common::model::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testing::servers::eventually;

use crate::{
    batches::{create, ended, items, lines, outcomes, started},
    harness::Harness,
    support::{
        album::Album,
        reply::Reply,
        worker::{Behaviour, LABELS, MODEL},
    },
};

const NAMES: [&str; 5] = ["a", "b", "dead-1", "c", "d"];

/// Puts a model's labels where a migrator reads them.
fn write_labels(models: &Path, labels: &str) {
    write_labels_of(models, MODEL, labels);
}

fn write_labels_of(models: &Path, folder: &str, labels: &str) {
    let folder = models.join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("labels.json"), labels).unwrap();
    let hash = hex(&Sha256::digest(labels));
    let manifest = format!(
        "name = \"{MODEL}\"\nversion = \"1\"\nkind = \"softmax\"\nlicence = \"none\"\nsource = \"tests\"\n\
         [files]\nlabels = {{ path = \"labels.json\", sha256 = \"{hash}\" }}\n"
    );
    std::fs::write(folder.join("manifest.toml"), manifest).unwrap();
}

struct Stage {
    album: Album,
    api: Harness,
    models: tempfile::TempDir,
    store: tempfile::TempDir,
}

impl Stage {
    async fn set(behaviour: Behaviour) -> Self {
        let album = Album::start().await;
        let models = tempfile::tempdir().unwrap();
        let store = tempfile::tempdir().unwrap();
        write_labels(models.path(), LABELS);
        let store_url = format!("file://{}", store.path().display());
        let options = [
            "--migrate-models-dir",
            models.path().to_str().unwrap(),
            "--store-url",
            &store_url,
            "--batch-shard-items",
            "2",
            "--migrate-attempts",
            "1",
        ];
        let api = started(&album, &options, behaviour).await;
        Self {
            album,
            api,
            models,
            store,
        }
    }

    /// A batch that has ended, and kept its scores.
    async fn stored(&self) -> String {
        let body = json!({
            "items": items(&self.album, &NAMES), "features": ["tags"], "store": "scores",
        });
        let id = create(&self.api, body).await;
        let batch = ended(&self.api, &id).await;
        assert_eq!(batch["status"], "completed");
        assert_eq!(batch["store"], "scores");
        id
    }

    async fn retag(&self, asked: Value) -> (String, Value) {
        let id = create(&self.api, asked).await;
        let batch = ended(&self.api, &id).await;
        (id, batch)
    }

    /// What each image's tags are.
    async fn tags(&self, id: &str) -> Vec<(String, Vec<String>)> {
        let mut told: Vec<_> = lines(&self.api, &format!("/v1/batches/{id}/results"))
            .await
            .iter()
            .map(|line| {
                let tags = line["response"]["body"]["tags"].as_array().unwrap();
                let names = tags
                    .iter()
                    .map(|tag| tag["name"].as_str().unwrap().to_owned());
                let name = line["custom_id"].as_str().unwrap().to_owned();
                (name, names.collect())
            })
            .collect();
        told.sort();
        told
    }

    async fn refused(&self, body: Value) -> (u16, Value) {
        let body = body.to_string().into_bytes();
        let sent = self.api.post_raw("/v1/batches", "application/json", body);
        let reply = sent.await;
        (reply.status, reply.json["code"].clone())
    }
}

#[tokio::test]
async fn kept_scores_become_other_tags_without_an_image_or_a_worker() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let before = stage.album.all_hits();
    let jobs = stage.api.worker.jobs.lock().unwrap().len();
    let asked = json!({"retag": source, "threshold": 0.2, "language": "ko"});
    let (id, batch) = stage.retag(asked).await;
    assert_eq!(batch["status"], "completed");
    assert_eq!(batch["retag_of"], source);
    assert_eq!(batch["model"], MODEL);
    let told = outcomes(&stage.api, &id).await;
    assert_eq!(told.len(), 4, "what failed there is no part of it");
    for (_, tags) in stage.tags(&id).await {
        assert_eq!(tags, ["태비", "고양이", "소파"]);
    }
    let (surer, _) = stage
        .retag(json!({"retag": source, "threshold": 0.5, "limit": 1}))
        .await;
    for (_, tags) in stage.tags(&surer).await {
        assert_eq!(tags, ["tabby"]);
    }
    let (chosen, _) = stage
        .retag(json!({"retag": source, "threshold": 0.1, "exclude": ["고양이"]}))
        .await;
    for (_, tags) in stage.tags(&chosen).await {
        assert_eq!(tags, ["sofa"]);
    }
    assert_eq!(stage.album.all_hits(), before, "no image is fetched");
    assert_eq!(stage.api.worker.jobs.lock().unwrap().len(), jobs);
    stage.api.finish().await;
}

/// Image, model, names and rows are those of the first time.
#[tokio::test]
async fn but_for_tags_and_id_a_line_is_that_of_the_first_time() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let (id, _) = stage.retag(json!({"retag": source})).await;
    let path = |id: &str| format!("/v1/batches/{id}/results");
    let mut first = lines(&stage.api, &path(&source)).await;
    let mut second = lines(&stage.api, &path(&id)).await;
    let by_row = |line: &Value| line["line"].as_u64();
    first.sort_by_key(by_row);
    second.sort_by_key(by_row);
    assert_eq!(first.len(), second.len());
    for (mut first, mut second) in first.into_iter().zip(second) {
        assert_ne!(first["id"], second["id"]);
        for line in [&mut first, &mut second] {
            line["id"].take();
            line["response"]["body"]["tags"].take();
            // The fake worker writes one that nobody asked for.
            line["response"]["body"]["caption"].take();
        }
        assert_eq!(first, second);
    }
    stage.api.finish().await;
}

#[tokio::test]
async fn labels_that_change_give_scores_other_names() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let renamed = LABELS.replace("고양이", "나비");
    write_labels(stage.models.path(), &renamed);
    let (id, _) = stage
        .retag(json!({"retag": source, "language": "ko"}))
        .await;
    for (_, tags) in stage.tags(&id).await {
        assert_eq!(tags, ["태비", "나비", "소파"]);
    }
    // Scores of other classes are not taken for these.
    write_labels(
        stage.models.path(),
        &LABELS.replace("\"sofa\"", "\"couch\""),
    );
    let (id, batch) = stage.retag(json!({"retag": source})).await;
    assert_eq!(batch["failures"]["by_code"], json!({"scores_unusable": 4}));
    assert_eq!(outcomes(&stage.api, &id).await.len(), 4);
    // But where their version has a folder of its own, that one's labels are.
    write_labels_of(stage.models.path(), &format!("{MODEL}@1"), LABELS);
    let (id, _) = stage.retag(json!({"retag": source})).await;
    for (_, tags) in stage.tags(&id).await {
        assert_eq!(tags, ["tabby", "cat", "sofa"]);
    }
    stage.api.finish().await;
}

#[tokio::test]
async fn what_cannot_be_made_of_scores_is_refused() {
    let stage = Stage::set(Behaviour::Slow(40)).await;
    let body = json!({
        "items": items(&stage.album, &NAMES), "features": ["tags"], "store": "scores",
    });
    let source = create(&stage.api, body).await;
    let early = stage.refused(json!({"retag": source})).await;
    assert_eq!(early, (409, "batch_under_way".into()));
    ended(&stage.api, &source).await;
    for more in [
        json!({"items": []}),
        json!({"manifest": "file:///a.csv"}),
        json!({"features": ["tags", "caption"]}),
        json!({"features": ["colors"]}),
        json!({"model": MODEL}),
        json!({"store": "scores"}),
        json!({"dry_run": {"sample": 0.5}}),
        json!({"strict": true}),
        json!({"threshold": 2}),
    ] {
        let mut body = json!({"retag": source});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let refused = stage.refused(body.clone()).await;
        assert_eq!(refused, (400, "invalid_request".into()), "{body}");
    }
    let nobodys = format!("batch_{}", "0".repeat(32));
    let missing = stage.refused(json!({"retag": nobodys})).await;
    assert_eq!(missing, (404, "not_found".into()));
    let (retagged, _) = stage
        .retag(json!({"retag": source, "features": ["tags"]}))
        .await;
    let again = stage.refused(json!({"retag": retagged})).await;
    assert_eq!(again, (422, "scores_unusable".into()));
    let plain = create(
        &stage.api,
        json!({"items": items(&stage.album, &["a"]), "features": ["tags"]}),
    )
    .await;
    ended(&stage.api, &plain).await;
    let unkept = stage.refused(json!({"retag": plain})).await;
    assert_eq!(unkept, (422, "scores_unusable".into()));
    stage.api.finish().await;
}

#[tokio::test]
async fn a_name_that_the_labels_do_not_know_fails_each_image_as_a_worker_would() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let asked = json!({"retag": source, "include": ["unheard of"]});
    let (_, batch) = stage.retag(asked).await;
    assert_eq!(batch["failures"]["by_code"], json!({"invalid_request": 4}));
    stage.api.finish().await;
}

#[tokio::test]
async fn an_image_whose_worker_gave_no_scores_says_so_twice() {
    let stage = Stage::set(Behaviour::Unscored).await;
    let source = stage.stored().await;
    for line in lines(&stage.api, &format!("/v1/batches/{source}/results")).await {
        assert_eq!(line["response"]["body"]["partial"], json!(["scores"]));
    }
    let (id, batch) = stage.retag(json!({"retag": source})).await;
    assert_eq!(batch["failures"]["by_code"], json!({"scores_unusable": 4}));
    assert_eq!(outcomes(&stage.api, &id).await.len(), 4);
    // A worker tags them after all.
    let reply = stage
        .api
        .post_raw(
            &format!("/v1/batches/{id}/retry"),
            "application/json",
            Vec::new(),
        )
        .await;
    let retry = reply.json["id"].as_str().unwrap();
    assert_eq!(ended(&stage.api, retry).await["status"], "completed");
    let told = outcomes(&stage.api, retry).await;
    assert!(told.len() == 4 && told.values().all(|code| code == "ok"));
    stage.api.finish().await;
}

#[tokio::test]
async fn where_scores_are_gone_the_batch_fails_and_says_so() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let scores = stage
        .store
        .path()
        .join("batches/default")
        .join(&source)
        .join("scores");
    std::fs::remove_file(scores.join("00000000.parquet")).unwrap();
    let (_, batch) = stage.retag(json!({"retag": source})).await;
    assert_eq!(batch["status"], "failed");
    assert_eq!(batch["errors"]["data"][0]["code"], "scores_unusable");
    stage.api.finish().await;
}

#[tokio::test]
async fn one_key_makes_one_batch_of_scores() {
    let stage = Stage::set(Behaviour::Answer).await;
    let source = stage.stored().await;
    let send = async |asked: Value| {
        let request = stage.api.client.post(stage.api.url("/v1/batches"));
        let request = request.header("idempotency-key", "again").json(&asked);
        Reply::read(request.send().await.unwrap()).await
    };
    let first = send(json!({"retag": source, "language": "ko"})).await;
    let same = send(json!({"retag": source, "language": "ko"})).await;
    assert_eq!((first.status, same.status), (202, 202));
    assert_eq!(first.json["id"], same.json["id"]);
    let other = send(json!({"retag": source})).await;
    assert_eq!(other.json["code"], "idempotency_mismatch");
    let id = first.json["id"].as_str().unwrap();
    eventually("it ends", async || {
        let batch = stage.api.get(&format!("/v1/batches/{id}")).await.json;
        (batch["status"] == "completed").then_some(())
    })
    .await;
    stage.api.finish().await;
}
