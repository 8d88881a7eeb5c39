//! What requests are refused for, whatever their image.

use std::pin::pin;

use serde_json::{Value, json};
use testing::pictures;

use crate::{
    harness::Harness,
    support::worker::{Behaviour, MODEL},
};

#[tokio::test]
async fn requests_that_are_not_valid_get_400() {
    let api = Harness::start().await;
    let url = json!({"url": "http://example.com/a.jpg"});
    let bodies: Vec<Value> = vec![
        json!({}),
        json!([]),
        json!({"image": {}}),
        json!({"image": {"url": "http://example.com/", "content": "AAAA"}}),
        json!({"image": {"path": "/etc/passwd"}}),
        json!({"image": url, "limits": 3}),
        json!({"image": url, "limit": 0}),
        json!({"image": url, "limit": 101}),
        json!({"image": url, "limit": "3"}),
        json!({"image": url, "threshold": 1.01}),
        json!({"image": url, "threshold": -0.1}),
        json!({"image": url, "features": []}),
        json!({"image": url, "features": ["smell"]}),
        json!({"image": url, "language": "fr"}),
        json!({"image": url, "categories": "animal"}),
        json!({"image": url, "include": [""]}),
        json!({"image": url, "include": ["x".repeat(101)]}),
        json!({"image": url, "exclude": vec!["cat"; 101]}),
        json!({"image": url, "timeout_ms": 0}),
        json!({"image": url, "timeout_ms": 60_001}),
        json!({"image": {"content": "not base64!"}}),
    ];
    for body in bodies {
        let reply = api.post_json(body.clone()).await;
        assert_eq!(
            (reply.status, &reply.json["code"]),
            (400, &json!("invalid_request")),
            "{body}"
        );
    }
    for query in [
        "limit=0",
        "threshold=NaN",
        "threshold=inf",
        "colour=red",
        "features=",
        "timeout_ms=-1",
        "limit=x",
        "language=KO",
        "include=cat,,dog",
    ] {
        let reply = api
            .post_raw(
                &format!("/v1/tags?{query}"),
                "image/png",
                pictures::photo(8, 8),
            )
            .await;
        reply.is_problem(400, "invalid_request");
    }
    api.finish().await;
}

#[tokio::test]
async fn unknown_paths_methods_and_media_types_are_problems_too() {
    let api = Harness::start().await;
    api.get("/v2/tags").await.is_problem(404, "not_found");
    api.get("/problems/none").await.is_problem(404, "not_found");
    // Refused by an extractor, and by the documents' own routes.
    api.get("/problems/%ff")
        .await
        .is_problem(400, "invalid_request");
    api.get("/docs/nothing").await.is_problem(404, "not_found");
    api.get("/v1/tags")
        .await
        .is_problem(405, "method_not_allowed");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "image",
    ] {
        api.post_raw("/v1/tags", kind, b"x".to_vec())
            .await
            .is_problem(415, "unsupported_media_type");
    }
    let trace = api
        .client
        .request(http::Method::TRACE, api.url("/v1/tags"))
        .send()
        .await
        .unwrap();
    assert_eq!(trace.status(), 405);
    api.finish().await;
}

#[tokio::test]
async fn large_bodies_get_413() {
    let api = Harness::with(&["--max-body-bytes", "100000"], Behaviour::Answer).await;
    api.post_raw("/v1/tags", "image/jpeg", vec![0xff; 100_001])
        .await
        .is_problem(413, "body_too_large");
    let json = format!(r#"{{"image":{{"content":"{}"}}}}"#, "A".repeat(160_000));
    api.post_raw("/v1/tags", "application/json", json.into_bytes())
        .await
        .is_problem(413, "body_too_large");
    // Without a length to tell by: counted while it comes.
    let chunks =
        futures_util::stream::iter((0..4).map(|_| Ok::<_, std::io::Error>(vec![0u8; 50_000])));
    let body = reqwest::Body::wrap_stream(chunks);
    let sent = api
        .client
        .post(api.url("/v1/tags"))
        .header("content-type", "image/png")
        .body(body)
        .send()
        .await;
    assert_eq!(sent.unwrap().status(), 413);
    api.finish().await;
}

#[tokio::test]
async fn a_model_that_nobody_runs_is_404() {
    let api = Harness::start().await;
    let reply = api
        .post_raw(
            "/v1/tags?model=oracle",
            "image/jpeg",
            pictures::photo(64, 64),
        )
        .await;
    reply.is_problem(404, "model_not_found");
    assert!(reply.json["detail"].as_str().unwrap().contains(MODEL));
    api.finish().await;
}

#[tokio::test]
async fn without_workers_it_is_503_and_not_ready() {
    let api = Harness::with(&[], Behaviour::Absent).await;
    api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await
        .is_problem(503, "no_workers");
    api.get("/readyz").await.is_problem(503, "no_workers");
    assert_eq!(api.get("/healthz").await.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn a_full_server_answers_429_at_once() {
    let api = Harness::with(&["--max-in-flight", "1"], Behaviour::Slow(300)).await;
    let first = api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64));
    let second = async {
        api.until_waiting(1).await;
        let begun = std::time::Instant::now();
        api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
            .await
            .is_problem(429, "overloaded");
        assert!(begun.elapsed().as_millis() < 200);
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn bytes_beyond_the_budget_get_429() {
    let sizes = [
        "--max-body-bytes",
        "60000",
        "--fetch-max-bytes",
        "60000",
        "--max-bytes-in-flight",
        "200000",
    ];
    // The endless ones outlive their clients' futures, and end well before the harness loses patience.
    let args = [&sizes[..], &["--default-timeout-ms", "2000"]].concat();
    let api = Harness::with(&args, Behaviour::Answer).await;
    // Nothing has come of them; each counts with the most that it may have, which is less than 64 KiB.
    let endless = || {
        reqwest::Body::wrap_stream(futures_util::stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >())
    };
    let send = || {
        api.client
            .post(api.url("/v1/tags"))
            .header("content-type", "image/png")
            .body(endless())
            .send()
    };
    let mut one = pin!(send());
    let mut two = pin!(send());
    let mut three = pin!(send());
    let refused = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let reply = api
                .post_raw("/v1/tags", "image/jpeg", vec![0xff; 50_000])
                .await;
            if reply.status == 429 {
                return reply;
            }
        }
    };
    tokio::select! {
        reply = refused => reply.is_problem(429, "overloaded"),
        _ = &mut one => panic!("has no end"),
        _ = &mut two => panic!("has no end"),
        _ = &mut three => panic!("has no end"),
    }
    api.finish().await;
}

#[tokio::test]
async fn a_full_queue_and_a_full_waiting_room_answer_429() {
    // One job is with the worker, one fills the queue; or two waiters fill the room.
    for limit in [["--queue-max-length", "1"], ["--max-waiters", "2"]] {
        let api = Harness::with(&limit, Behaviour::Slow(300)).await;
        let file = pictures::photo(64, 64);
        let first = api.post_raw("/v1/tags", "image/jpeg", file.clone());
        let second = async {
            api.until_waiting(1).await;
            api.post_raw("/v1/tags", "image/jpeg", file.clone()).await
        };
        let third = async {
            api.until_waiting(2).await;
            let reply = api.post_raw("/v1/tags", "image/jpeg", file.clone()).await;
            reply.is_problem(429, "overloaded");
            assert_eq!(reply.json["stage"], "publish");
        };
        let (first, second, ()) = tokio::join!(first, second, third);
        assert_eq!((first.status, second.status), (200, 200));
        api.finish().await;
    }
}

#[tokio::test]
async fn a_result_that_does_not_come_is_504_in_time() {
    let api = Harness::with(&[], Behaviour::Silent).await;
    let begun = std::time::Instant::now();
    let reply = api
        .post_raw(
            "/v1/tags?timeout_ms=200",
            "image/jpeg",
            pictures::photo(64, 64),
        )
        .await;
    reply.is_problem(504, "deadline_exceeded");
    let took = begun.elapsed().as_millis();
    // A busy machine may take a while, and nobody waits for as long as requests have by default.
    assert!((200..4_000).contains(&took), "{took} ms");
    assert!(reply.header("server-timing").contains("total;dur="));
    api.finish().await;
}

#[tokio::test]
async fn a_workers_fault_is_passed_on() {
    let api = Harness::with(&[], Behaviour::Fail).await;
    let reply = api
        .post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await;
    reply.is_problem(500, "inference_failed");
    assert_eq!(
        (&reply.json["stage"], &reply.json["detail"]),
        (&json!("infer"), &json!("As asked."))
    );
    api.finish().await;
}
