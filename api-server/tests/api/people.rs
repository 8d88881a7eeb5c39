//! What is seen beside the tags: one download, one decode, one job.

use serde_json::json;
use testing::pictures;

use crate::{
    cache::cached,
    harness::Harness,
    support::{
        origin::{Origin, kept},
        worker::{Behaviour, DETECTOR, FACES, GRADER, LINES, READER, TEXT, tile_pixels},
    },
};

const PATH: &str = "/v1/tags?features=tags,people";

#[tokio::test]
async fn people_are_counted_and_shown_where_they_are() {
    let api = Harness::with(&[], Behaviour::See).await;
    let photo = pictures::photo(640, 480);
    let reply = api.post_raw(PATH, "image/jpeg", photo.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let people = &reply.json["people"];
    assert_eq!(people["count"], 2, "one of them by the face alone");
    assert_eq!(people["model"], json!({"name": DETECTOR, "version": "1"}));
    let place = json!({"left": 0.25, "top": 0.1, "width": 0.5, "height": 0.8, "confidence": 0.9});
    assert_eq!(people["boxes"], json!([place]));
    let face = json!({"left": 0.8, "top": 0.1, "width": 0.1, "height": 0.8, "confidence": 0.9});
    let model = json!({"name": FACES, "version": "1"});
    assert_eq!(people["faces"], json!({"boxes": [face], "model": model}));
    assert!(reply.json.get("partial").is_none(), "{}", reply.json);
    let job = api.worker.last_job();
    let also: Vec<_> = job.also.iter().map(|also| also.model.as_str()).collect();
    assert_eq!(also, [DETECTOR, FACES]);
    assert_eq!(tile_pixels(&job, 1).len(), 300 * 300 * 3);
    // A wide photo stands between two bars.
    let shown = job.also[1].shown;
    assert!((shown.height - 4.0 / 3.0).abs() < 0.01, "{shown:?}");
    assert_eq!((shown.left, shown.width), (0.0, 1.0));
    // Nobody who does not ask pays for it.
    let plain = api.post_raw("/v1/tags", "image/jpeg", photo).await;
    assert!(plain.json.get("people").is_none(), "{}", plain.json);
    assert!(api.worker.last_job().also.is_empty());
    api.finish().await;
}

#[tokio::test]
async fn a_detector_that_fails_costs_its_own_part() {
    let args = ["--cache", "on"];
    let api = Harness::with(&args, Behaviour::Overlook).await;
    for _ in 0..2 {
        let photo = pictures::photo(64, 64);
        let reply = api.post_raw(PATH, "image/jpeg", photo).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
        assert_eq!(reply.json["partial"], json!(["people", "faces"]));
        assert!(!reply.json["tags"].as_array().expect("tags").is_empty());
        assert!(
            reply.json.get("cached").is_none(),
            "half an answer is not kept"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn grades_are_told_as_they_are() {
    let api = Harness::with(&[], Behaviour::See).await;
    let path = "/v1/tags?features=tags,safety,text";
    let reply = api
        .post_raw(path, "image/jpeg", pictures::photo(64, 64))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    for (part, model) in [("safety", GRADER), ("text", TEXT)] {
        let expected = json!({
            "grades": [{"id": part, "score": 0.25}],
            "model": {"name": model, "version": "1"},
        });
        assert_eq!(reply.json[part], expected);
    }
    assert!(reply.json.get("people").is_none(), "{}", reply.json);
    api.finish().await;
}

#[tokio::test]
async fn what_is_written_there_is_told_line_by_line() {
    let api = Harness::with(&[], Behaviour::See).await;
    let photo = pictures::photo(640, 320);
    let reply = api
        .post_raw("/v1/tags?features=reading", "image/jpeg", photo.clone())
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let text = &reply.json["text"];
    let place = json!({"left": 0.25, "top": 0.1, "width": 0.5, "height": 0.8});
    let line = json!({"text": "TOTAL 13.15 <b>", "confidence": 0.9, "box": place});
    assert_eq!(text["lines"], json!([line]));
    assert_eq!(text["readers"], json!([{"name": READER, "version": "1"}]));
    assert_eq!(text["cut"], false);
    // Whether there is text is known on the way.
    assert_eq!(text["model"]["name"], TEXT);
    let job = api.worker.last_job();
    let also: Vec<_> = job.also.iter().map(|also| also.model.as_str()).collect();
    assert_eq!(also, [TEXT, LINES], "no tile is made for a reader");
    assert_eq!(tile_pixels(&job, 2).len(), 1_280 * 1_280 * 3);
    let unasked = api
        .post_raw("/v1/tags?features=text", "image/jpeg", photo)
        .await;
    assert!(unasked.json["text"].get("lines").is_none());
    api.finish().await;
}

#[tokio::test]
async fn what_reads_lines_is_no_model_of_a_request_and_is_listed() {
    let api = Harness::with(&[], Behaviour::See).await;
    for model in [LINES, READER] {
        let path = format!("/v1/tags?model={model}");
        let reply = api
            .post_raw(&path, "image/jpeg", pictures::photo(64, 64))
            .await;
        reply.is_problem(404, "model_not_found");
    }
    let models = api.get("/v1/models").await.json;
    let listed = models["models"].as_array().expect("a list");
    let kind = |name: &str| {
        let model = listed.iter().find(|model| model["name"] == name);
        model.map(|model| model["kind"].clone())
    };
    assert_eq!(kind(LINES), Some(json!("lines")));
    assert_eq!(kind(READER), Some(json!("text")));
    api.finish().await;
}

#[tokio::test]
async fn text_that_could_not_be_read_is_missing() {
    let api = Harness::with(&[], Behaviour::Overlook).await;
    let photo = pictures::photo(64, 64);
    let reply = api
        .post_raw("/v1/tags?features=tags,reading", "image/jpeg", photo)
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(reply.json["partial"], json!(["text", "reading"]));
    api.finish().await;
}

#[tokio::test]
async fn what_a_camera_wrote_down_is_told_to_who_asks_and_no_finer_than_it_may_be() {
    let plain = pictures::photo(64, 48);
    let named = [b"Exif\0\0".to_vec(), pictures::shot().directory()].concat();
    let photo = pictures::with_segment(&plain, 0xe1, &named);
    for (args, latitude) in [
        (vec!["--cache", "on"], -37.57),
        (vec!["--exif-place-digits", "4"], -37.5665),
    ] {
        let api = Harness::with(&args, Behaviour::Answer).await;
        for _ in 0..2 {
            let path = "/v1/tags?features=tags,exif";
            let reply = api.post_raw(path, "image/jpeg", photo.clone()).await;
            assert_eq!(reply.status, 200, "{}", reply.json);
            let exif = &reply.json["exif"];
            assert_eq!(exif["taken_at"], "2024-05-01T12:33:10+09:00");
            assert_eq!(exif["camera"], "Canon EOS R5");
            assert_eq!(exif["place"]["latitude"], latitude);
            assert_eq!(exif["orientation"], "landscape");
        }
        let unasked = api.post_raw("/v1/tags", "image/jpeg", photo.clone()).await;
        assert!(unasked.json.get("exif").is_none(), "{}", unasked.json);
        let silent = api
            .post_raw("/v1/tags?features=exif", "image/jpeg", plain.clone())
            .await;
        assert_eq!(silent.json["exif"], json!({"orientation": "landscape"}));
        api.finish().await;
    }
}

#[tokio::test]
async fn who_asks_for_people_where_no_model_sees_them_is_told() {
    let api = Harness::start().await;
    let reply = api
        .post_raw(PATH, "image/jpeg", pictures::photo(64, 64))
        .await;
    reply.is_problem(404, "model_not_found");
    assert!(reply.json["detail"].to_string().contains("coco-ssd"));
    api.finish().await;
}

#[tokio::test]
async fn with_and_without_people_are_two_answers_to_the_cache() {
    let photo = pictures::photo(320, 240);
    let origin = Origin::start([("/", kept(&photo))]).await;
    let api = cached(&origin, Behaviour::See).await;
    let asked =
        |features: &[&str]| json!({"image": {"url": origin.url("/")}, "features": features});
    let with = asked(&["tags", "people"]);
    let without = asked(&["tags"]);
    for _ in 0..2 {
        assert_eq!(api.post_json(with.clone()).await.json["people"]["count"], 2);
        let plain = api.post_json(without.clone()).await;
        assert!(plain.json.get("people").is_none());
    }
    let again = api.post_json(with).await;
    assert_eq!(again.json["cached"], "url", "{}", again.json);
    assert_eq!(again.json["people"]["count"], 2);
    api.finish().await;
}
