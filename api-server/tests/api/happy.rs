//! What a well-meaning client gets.

use base64::{Engine, prelude::BASE64_STANDARD};
use common::stage::Stage;
use image::ImageFormat;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testing::{pictures, servers::eventually};

use crate::{
    harness::Harness,
    support::{
        origin::{Origin, ok, redirect},
        reply::Reply,
        worker::{Behaviour, MODEL, tile_pixels},
    },
};

#[tokio::test]
async fn the_fleet_is_seen_as_it_tells_of_itself() {
    let api = Harness::start().await;
    api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await;
    let fleet = eventually("the server tells how busy it is", async || {
        let fleet = api.get("/v1/fleet").await.json;
        let is_told = fleet["servers"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        is_told.then_some(fleet)
    })
    .await;
    let server = &fleet["servers"][0];
    assert!(server["requests_per_s"].as_f64() > Some(0.0), "{server}");
    assert_eq!(server["refused_per_s"], 0.0);
    assert_eq!(server["max_in_flight"], 1_024);
    let worker = &fleet["workers"][0];
    assert_eq!(worker["models"], json!([MODEL]), "{worker}");
    let queues = fleet["queues"].as_array().expect("queues");
    let names: Vec<_> = queues
        .iter()
        .map(|queue| (queue["queue"].as_str(), queue["priority"].as_str()))
        .collect();
    assert!(
        names.contains(&(Some("tagging"), Some("bulk"))),
        "{names:?}"
    );
    assert_eq!(fleet["dead_letters"], 0);
    api.finish().await;
}

#[track_caller]
fn is_answer(reply: &Reply, file: &[u8]) {
    assert_eq!(reply.status, 200, "{}", reply.json);
    let json = &reply.json;
    assert_eq!(json["id"], reply.header("x-request-id"));
    assert_eq!(json["model"], json!({"name": MODEL, "version": "1"}));
    assert_eq!(json["image"]["bytes"], file.len());
    assert_eq!(
        json["image"]["sha256"],
        common::model::hex(&Sha256::digest(file))
    );
    let cat = json!({
        "id": "cat", "name": "cat", "confidence": 0.91, "category": "animal", "category_name": "animal",
        "parents": ["mammal", "animal"]
    });
    assert_eq!(json["tags"][0], cat);
    assert_eq!(
        json["caption"],
        json!({"text": "A tabby cat.", "status": "template", "model": "template"})
    );
    assert_eq!(json["worker"], "fake-1");
}

#[tokio::test]
async fn bytes_are_tagged() {
    let api = Harness::start().await;
    let file = pictures::photo(640, 480);
    let reply = api
        .post_raw("/v1/tags?limit=3&threshold=0.2", "image/jpeg", file.clone())
        .await;
    is_answer(&reply, &file);
    assert_eq!(reply.json["image"]["width"], 640);
    assert_eq!(reply.json["image"]["height"], 480);
    assert_eq!(reply.json["image"]["format"], "jpeg");
    let job = api.worker.last_job();
    assert_eq!(
        (job.limit, job.threshold, job.tenant.as_str()),
        (Some(3), Some(0.2), "default")
    );
    assert_eq!(tile_pixels(&job, 0).len(), 224 * 224 * 3);
    assert!((1..=60_000).contains(&job.budget_ms));
    api.finish().await;
}

#[tokio::test]
async fn base64_is_tagged_with_and_without_padding() {
    let api = Harness::start().await;
    let file = pictures::encoded(pictures::gradient(301, 200), ImageFormat::Png);
    let content = BASE64_STANDARD.encode(&file);
    for content in [content.as_str(), content.trim_end_matches('=')] {
        let reply = api
            .post_json(json!({"image": {"content": content}, "features": ["tags"], "limit": 5}))
            .await;
        is_answer(&reply, &file);
        assert_eq!(reply.json["image"]["format"], "png");
        let features = api.worker.last_job().features;
        assert_eq!((features.tags, features.caption), (true, false));
    }
    api.finish().await;
}

#[tokio::test]
async fn a_url_is_fetched_and_tagged() {
    let file = pictures::photo(800, 600);
    let pages = [("/cat.jpg", ok(&file)), ("/moved", redirect("/cat.jpg"))];
    let origin = Origin::start(pages).await;
    let api = Harness::with(&["--fetch-allow-origin", &origin.base], Behaviour::Answer).await;
    is_answer(&api.post_url(&origin.url("/cat.jpg")).await, &file);
    is_answer(&api.post_url(&origin.url("/moved")).await, &file);
    api.finish().await;
}

#[tokio::test]
async fn every_format_is_read_whatever_its_content_type_says() {
    let api = Harness::start().await;
    let formats = [
        (ImageFormat::Png, "png"),
        (ImageFormat::Gif, "gif"),
        (ImageFormat::WebP, "webp"),
        (ImageFormat::Bmp, "bmp"),
        (ImageFormat::Tiff, "tiff"),
    ];
    for (format, name) in formats {
        let file = pictures::encoded(pictures::gradient(320, 240), format);
        let reply = api
            .post_raw("/v1/tags", "application/octet-stream", file.clone())
            .await;
        is_answer(&reply, &file);
        assert_eq!(reply.json["image"]["format"], name);
    }
    api.finish().await;
}

fn stages(timings: &Value) -> (Vec<&str>, f64) {
    let timings = timings.as_object().expect("an object");
    let stages: Vec<_> = timings
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "total")
        .collect();
    let sum = stages
        .iter()
        .map(|name| timings[*name].as_f64().expect("a number"))
        .sum();
    (stages, sum)
}

#[tokio::test]
async fn every_stage_is_told_and_they_sum_to_the_total() {
    let origin = Origin::start([("/cat.jpg", ok(&pictures::photo(1024, 768)))]).await;
    let api = Harness::with(&["--fetch-allow-origin", &origin.base], Behaviour::Slow(20)).await;
    for _ in 0..5 {
        let reply = api.post_url(&origin.url("/cat.jpg")).await;
        let timings = &reply.json["timings_ms"];
        let (names, sum) = stages(timings);
        let total = timings["total"].as_f64().expect("a number");
        assert!(
            (sum - total).abs() < 2.0,
            "stages sum to {sum}, total is {total}: {timings}"
        );
        for stage in Stage::ALL {
            assert!(
                names.contains(&stage.name()),
                "{} is missing: {timings}",
                stage.name()
            );
            assert!(
                reply
                    .header("server-timing")
                    .contains(&format!("{};dur=", stage.name()))
            );
        }
        assert!(reply.header("server-timing").contains("total;dur="));
    }
    api.finish().await;
}

#[tokio::test]
async fn a_result_whose_announcement_was_lost_is_found_by_its_key() {
    // So short a time is a reason to shed captions on a busy machine.
    let api = Harness::with(&["--shed-captions", "never"], Behaviour::Whisper).await;
    let file = pictures::photo(64, 64);
    let reply = api
        .post_raw("/v1/tags?timeout_ms=300", "image/jpeg", file.clone())
        .await;
    is_answer(&reply, &file);
    api.finish().await;
}
