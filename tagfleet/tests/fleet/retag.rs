//! Tags of the real model, made of the scores that it gave: they are the very ones that it would give now.

use serde_json::{Value, json};
use testing::servers::eventually;

use crate::support::{process::Process, samples::Origin};

/// What is asked of both: each time another thing than the first time.
fn wishes() -> [Value; 7] {
    [
        json!({"threshold": 0.02, "limit": 40, "language": "ko"}),
        json!({"threshold": 0.5}),
        json!({"threshold": 0.0, "limit": 100}),
        json!({"categories": ["animal", "음식"], "threshold": 0.01, "language": "ko"}),
        json!({"include": ["건물", "cat"], "threshold": 0.001, "limit": 50}),
        json!({"exclude": ["동물"], "limit": 5}),
        json!({"vocabulary": "pet = cat | dog\n탈것 = vehicle >= 0.2 & !cat\nno pet = !(고양이 | dog)", "language": "ko", "threshold": 0.2}),
    ]
}

async fn completed(service: &Process, body: &Value) -> String {
    let batch = service.post("/v1/batches", body).await;
    let id = batch["id"].as_str().unwrap_or_else(|| panic!("{batch}"));
    eventually("the batch is completed", async || {
        let batch = service.get(&format!("/v1/batches/{id}")).await?;
        let batch: Value = serde_json::from_str(&batch).ok()?;
        (batch["status"] == "completed").then_some(())
    })
    .await;
    id.to_owned()
}

/// What each line says of its image, in the order of the list: byte for byte, but for the batch's own id.
async fn told(service: &Process, id: &str) -> Vec<String> {
    let mut lines = service.batch_lines("results", id).await;
    lines.sort_by_key(|line| line["line"].as_u64());
    let told = lines.into_iter().map(|mut line| {
        line["id"].take();
        line.to_string()
    });
    told.collect()
}

#[tokio::test]
async fn tags_of_kept_scores_are_those_that_a_worker_would_make() {
    let origin = Origin::start().await;
    let more = [
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
        ("TAGFLEET_BATCH_SHARD_ITEMS", "4".to_owned()),
        // In batches of other sizes the same picture's scores differ in their last digits.
        ("TAGFLEET_MAX_BATCH", "1".to_owned()),
    ];
    let mut service = Process::serve(&origin, &more).await;
    let items: Vec<_> = origin
        .urls(1)
        .iter()
        .map(|url| json!({"url": url}))
        .collect();
    let stored = json!({"items": items, "features": ["tags"], "store": "scores"});
    let source = completed(&service, &stored).await;
    for wish in wishes() {
        let with = |more: Value| {
            let mut body = wish.clone();
            let body_of = body.as_object_mut().expect("an object");
            body_of.extend(more.as_object().expect("an object").clone());
            body
        };
        let fresh = with(json!({"items": items, "features": ["tags"]}));
        let fresh = completed(&service, &fresh).await;
        let retagged = completed(&service, &with(json!({"retag": source}))).await;
        let expected = told(&service, &fresh).await;
        assert_eq!(expected.len(), origin.samples());
        assert_eq!(told(&service, &retagged).await, expected, "{wish}");
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test]
async fn the_command_line_stores_and_retags() {
    let origin = Origin::start().await;
    let more = [("TAGFLEET_CAPTIONER", "off".to_owned())];
    let mut service = Process::serve(&origin, &more).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("list.txt");
    std::fs::write(&list, origin.urls(1).join("\n")).expect("written");
    let list = list.to_str().expect("UTF-8");
    let submit = ["submit", "--no-caption", "--store", "scores", list];
    let source = service.batch(&submit).await;
    let source = source.trim();
    service.batch(&["status", "--watch", source]).await;
    let asked = [
        "--threshold",
        "0.3",
        "--language",
        "ko",
        "--exclude",
        "동물,음식",
    ];
    let retag = [&["retag", source, "--watch"], &asked[..]].concat();
    let watched = service.batch(&retag).await;
    let images = origin.samples();
    assert!(
        watched.contains(&format!("completed: {images} images")),
        "{watched}"
    );
    assert_eq!(service.terminate().await, Some(0));
}
