//! The language of an answer and the choice among its tags, as a worker gets them.

use common::wire::{Job, Language, Selection};
use serde_json::json;
use testing::pictures;

use crate::{harness::Harness, support::worker::Behaviour};

const FORM: &str = "multipart/form-data; boundary=b";

fn form(options: &[(&str, &str)]) -> Vec<u8> {
    let part = |(name, value): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            .into_bytes()
    };
    let image = b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".to_vec();
    [
        options.iter().flat_map(part).collect(),
        image,
        pictures::photo(64, 64),
        b"\r\n--b--\r\n".to_vec(),
    ]
    .concat()
}

/// The version of jobs whose tiles are pixels, whatever is asked. Over a broker it is as old as the query allows, which the tests
/// of the wire hold.
const IN_ONE_PROCESS: u16 = 4;

#[track_caller]
fn is_particular(job: &Job) {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let selection = Selection {
        categories: own(&["animal", "음식"]),
        include: own(&["golden retriever", "개"]),
        exclude: own(&["cat"]),
    };
    assert_eq!(
        (job.v, job.language, &job.selection),
        (IN_ONE_PROCESS, Language::Ko, &selection)
    );
}

#[tokio::test]
async fn json_query_and_form_say_the_same() {
    let api = Harness::start().await;
    let content =
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pictures::photo(64, 64));
    let body = json!({
        "image": {"content": content}, "language": "ko", "categories": ["animal", "음식"],
        "include": ["golden retriever", "개"], "exclude": ["cat"]
    });
    assert_eq!(api.post_json(body).await.status, 200);
    is_particular(&api.worker.last_job());
    let query = "language=ko&categories=animal,%EC%9D%8C%EC%8B%9D&include=golden+retriever,%20%EA%B0%9C&exclude=cat";
    let reply = api
        .post_raw(
            &format!("/v1/tags?{query}"),
            "image/jpeg",
            pictures::photo(64, 64),
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    is_particular(&api.worker.last_job());
    let options = [
        ("language", "ko"),
        ("categories", "animal,음식"),
        ("include", "golden retriever, 개"),
        ("exclude", "cat"),
    ];
    let reply = api.post_raw("/v1/tags", FORM, form(&options)).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    is_particular(&api.worker.last_job());
    api.finish().await;
}

#[tokio::test]
async fn who_chooses_nothing_gets_all_in_english() {
    let api = Harness::start().await;
    for query in ["", "?language=en", "?include=&exclude="] {
        let reply = api
            .post_raw(
                &format!("/v1/tags{query}"),
                "image/jpeg",
                pictures::photo(64, 64),
            )
            .await;
        assert_eq!(reply.status, 200, "{}", reply.json);
        let job = api.worker.last_job();
        assert_eq!(
            (job.v, job.language, job.selection.is_empty()),
            (IN_ONE_PROCESS, Language::En, true)
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn lists_as_long_as_allowed_are_taken_from_forms() {
    let api = Harness::start().await;
    let names = vec!["가".repeat(100); 100].join(",");
    let reply = api
        .post_raw(
            "/v1/tags",
            FORM,
            form(&[("include", &names), ("exclude", &names)]),
        )
        .await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(api.worker.last_job().selection.exclude.len(), 100);
    api.finish().await;
}

#[tokio::test]
async fn names_that_a_worker_does_not_know_are_the_requests_fault() {
    let api = Harness::with(&[], Behaviour::Refuse).await;
    let reply = api
        .post_raw(
            "/v1/tags?include=catt",
            "image/jpeg",
            pictures::photo(64, 64),
        )
        .await;
    reply.is_problem(400, "invalid_request");
    assert_eq!(
        (&reply.json["stage"], &reply.json["detail"]),
        (&json!("postprocess"), &json!("No such tag."))
    );
    api.finish().await;
}
