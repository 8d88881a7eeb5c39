//! Tags by words, and pictures as numbers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use testing::pictures;

use crate::{
    harness::Harness,
    support::{
        reply::Reply,
        worker::{Behaviour, MODEL, PHRASES},
    },
};

const PATH: &str = "/v1/search/tags";

async fn search(api: &Harness, asked: &Value) -> Reply {
    let body = asked.to_string().into_bytes();
    api.post_raw(PATH, "application/json", body).await
}

#[tokio::test]
async fn a_phrase_goes_to_its_model_and_comes_back_as_tags() {
    let api = Harness::with(&[], Behaviour::See).await;
    let asked = json!({"phrase": "  고양이 ", "limit": 2, "threshold": 0.25, "language": "ko"});
    let reply = search(&api, &asked).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(reply.json["phrase"], "고양이");
    let cat = json!({"id": "cat", "name": "cat", "category": "animal", "score": 0.91});
    assert_eq!(reply.json["tags"][0], cat);
    assert!(reply.json["timings_ms"]["total"].is_number());
    let job = api.worker.last_job();
    assert_eq!(job.model, PHRASES);
    assert_eq!(job.tile, "고양이".as_bytes());
    assert_eq!((job.limit, job.threshold), (Some(2), Some(0.25)));
    assert!(!job.features.caption);
    api.finish().await;
}

#[tokio::test]
async fn what_is_no_phrase_is_refused_and_nobody_is_asked() {
    let api = Harness::with(&[], Behaviour::See).await;
    for (asked, detail) in [
        (json!({}), "`phrase` is missing"),
        (json!({"phrase": " \t"}), "1 to 200 characters"),
        (json!({"phrase": "a".repeat(201)}), "1 to 200 characters"),
        (json!({"phrase": "a", "limit": 0}), "limit must be 1 to 100"),
        (
            json!({"phrase": "a", "threshold": 1.5}),
            "threshold must be 0 to 1",
        ),
        (json!({"phrase": "a", "model": "b"}), "model"),
    ] {
        let reply = search(&api, &asked).await;
        assert_eq!(reply.status, 400, "{}", reply.json);
        assert_eq!(reply.json["code"], "invalid_request");
        let told = reply.json["detail"].as_str().expect("a detail");
        assert!(told.contains(detail), "{told}");
    }
    assert!(api.worker.jobs.lock().expect("not poisoned").is_empty());
    api.finish().await;
}

/// A model of phrases is no tagger: it is neither the default nor to be had for pictures.
#[tokio::test]
async fn models_of_phrases_and_of_pictures_do_not_stand_in_for_each_other() {
    let api = Harness::with(&[], Behaviour::See).await;
    let photo = pictures::photo(64, 64);
    let path = format!("/v1/tags?model={PHRASES}");
    let reply = api.post_raw(&path, "image/jpeg", photo).await;
    assert_eq!(reply.json["code"], "model_not_found", "{}", reply.json);
    api.finish().await;
    let api = Harness::with(&[], Behaviour::Answer).await;
    let reply = search(&api, &json!({"phrase": "cat"})).await;
    assert_eq!(
        (reply.status, &reply.json["code"]),
        (404, &json!("model_not_found"))
    );
    let detail = reply.json["detail"].as_str().expect("a detail");
    assert!(detail.contains("use-multilingual"), "{detail}");
    let photo = pictures::photo(64, 64);
    let reply = api
        .post_raw("/v1/tags?features=embedding", "image/jpeg", photo)
        .await;
    assert_eq!(reply.json["code"], "model_not_found", "{}", reply.json);
    api.finish().await;
}

#[tokio::test]
async fn an_embedding_comes_as_halves_to_who_asks() {
    let api = Harness::with(&["--cache", "on"], Behaviour::See).await;
    let photo = pictures::photo(64, 64);
    for _ in 0..2 {
        let path = "/v1/tags?features=embedding";
        let reply = api.post_raw(path, "image/jpeg", photo.clone()).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
        let embedding = &reply.json["embedding"];
        assert_eq!(embedding["model"], json!({"name": MODEL, "version": "1"}));
        assert_eq!(embedding["encoding"], "float16");
        assert_eq!(embedding["dimension"], 2);
        let data = embedding["data"].as_str().expect("text");
        // 0.6 and 0.8 in half precision.
        assert_eq!(
            STANDARD.decode(data).expect("Base64"),
            [0xcd, 0x38, 0x66, 0x3a]
        );
    }
    let plain = api.post_raw("/v1/tags", "image/jpeg", photo).await;
    assert!(plain.json.get("embedding").is_none(), "{}", plain.json);
    api.finish().await;
}
