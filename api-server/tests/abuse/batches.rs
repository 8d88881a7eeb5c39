//! Lists that are broken or hostile, and ids that belong to others.

use std::time::Duration;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testing::pictures::photo;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{
    suite::{Suite, case},
    support::{origin::ok, reply::Reply},
};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Two cores have much else to do while the tests run; a server that is frozen needs many seconds.
const HEALTHY_WITHIN: Duration = Duration::from_secs(2);

pub fn cases() -> Vec<Trial> {
    let nested = format!("{}1{}", r#"{"items":"#.repeat(10_000), "}".repeat(10_000));
    let item = |id: &str| format!(r#"{{"custom_id":"{id}","url":"http://example.com/"}}"#);
    let long_name = item(&"x".repeat(300));
    let metadata =
        |name: &str| format!(r#"{{"items":[{}],"metadata":{{"{name}":"1"}}}}"#, item("a"));
    vec![
        refused("empty", JSON, br#"{"items":[]}"#.into()),
        refused("empty_lines", NDJSON, b"\n\n\n".into()),
        refused("nested_10000_deep", JSON, nested.clone().into_bytes()),
        refused("line_nested_10000_deep", NDJSON, nested.into_bytes()),
        refused(
            "invalid_utf8",
            NDJSON,
            b"{\"custom_id\":\"\xff\",\"url\":\"http://example.com/\"}\n".into(),
        ),
        refused(
            "twice_the_same_id",
            JSON,
            format!(r#"{{"strict":true,"items":[{0},{0}]}}"#, item("a")).into_bytes(),
        ),
        refused("long_custom_id", NDJSON, long_name.into_bytes()),
        refused("an_image_as_lines", NDJSON, photo(64, 64)),
        refused(
            "long_metadata",
            JSON,
            metadata(&"x".repeat(65)).into_bytes(),
        ),
        case("batch/over_the_inline_cap", over_the_inline_cap),
        case("batch/line_without_end", line_without_end),
        case("batch/gzip_bomb", gzip_bomb),
        case("batch/zstd_bomb", zstd_bomb),
        case("batch/gzip_of_empty_lines", gzip_of_empty_lines),
        case("batch/zstd_of_empty_lines", zstd_of_empty_lines),
        case("batch/empty_lines_without_end", empty_lines_without_end),
        case("batch/wrong_media_type", wrong_media_type),
        case("batch/another_tenants_id", another_tenants_id),
        case("batch/no_id", no_id),
        case("batch/no_cursor", no_cursor),
        case("batch/key_reused_with_another_body", key_reused),
        case("batch/key_in_flight", key_in_flight),
        case("batch/private_addresses", private_addresses),
        case(
            "batch/webhook_to_a_private_address",
            webhook_to_a_private_address,
        ),
        case("batch/manifest_or_output_that_is_not_allowed", not_allowed),
    ]
}

fn refused(name: &str, kind: &'static str, body: Vec<u8>) -> Trial {
    case(format!("batch/{name}"), async move |suite: &Suite| {
        suite
            .post("/v1/batches", kind, body)
            .await
            .is_problem(400, "invalid_request");
    })
}

async fn over_the_inline_cap(suite: &Suite) {
    let item = |n: usize| json!({"custom_id": n.to_string(), "url": "http://example.com/"});
    let body = json!({"items": (0..10_001).map(item).collect::<Vec<Value>>()}).to_string();
    suite
        .post("/v1/batches", JSON, body)
        .await
        .is_problem(413, "body_too_large");
    let large = format!(r#"{{"items":["{}"]}}"#, "x".repeat(17 << 20));
    suite
        .post("/v1/batches", JSON, large)
        .await
        .is_problem(413, "body_too_large");
}

/// Refused while it comes: it has no end.
async fn line_without_end(suite: &Suite) {
    let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1 << 16]));
    let request = suite
        .request(Method::POST, "/v1/batches")
        .header("content-type", NDJSON);
    // The connection is closed under the client's hands, maybe before it has read the answer.
    if let Ok(reply) = request
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
    {
        assert_eq!(reply.status(), 400);
    }
}

async fn compressed(encoder: impl AsyncWrite + Unpin, byte: u8, mebibytes: usize) {
    let mut encoder = encoder;
    for _ in 0..mebibytes {
        encoder.write_all(&vec![byte; 1 << 20]).await.unwrap();
    }
    encoder.shutdown().await.unwrap();
}

async fn is_no_bomb(suite: &Suite, encoding: &str, bomb: Vec<u8>) {
    let before = suite.server.resident_mib();
    let request = suite
        .request(Method::POST, "/v1/batches")
        .header("content-type", NDJSON);
    let sent = request
        .header("content-encoding", encoding)
        .body(bomb)
        .send()
        .await;
    Reply::read(sent.unwrap())
        .await
        .is_problem(400, "invalid_request");
    let grown = suite.server.resident_mib() - before;
    assert!(grown < 32.0, "{grown} MiB for a bomb");
}

async fn gzip_bomb(suite: &Suite) {
    let mut bomb = Vec::new();
    compressed(GzipEncoder::new(&mut bomb), b'x', 200).await;
    is_no_bomb(suite, "gzip", bomb).await;
}

async fn zstd_bomb(suite: &Suite) {
    let mut bomb = Vec::new();
    compressed(ZstdEncoder::new(&mut bomb), b'x', 200).await;
    is_no_bomb(suite, "zstd", bomb).await;
}

async fn gzip_of_empty_lines(suite: &Suite) {
    let mut bomb = Vec::new();
    compressed(GzipEncoder::new(&mut bomb), b'\n', 512).await;
    is_answered_beside(suite, "gzip", bomb).await;
}

async fn zstd_of_empty_lines(suite: &Suite) {
    let mut bomb = Vec::new();
    compressed(ZstdEncoder::new(&mut bomb), b'\n', 512).await;
    is_answered_beside(suite, "zstd", bomb).await;
}

/// As many at once as a small server has threads. Empty lines are no items, and cost nobody anything.
async fn is_answered_beside(suite: &Suite, encoding: &str, bomb: Vec<u8>) {
    let bombs = async {
        tokio::join!(
            bomb_alone(suite, encoding, &bomb),
            bomb_alone(suite, encoding, &bomb)
        )
    };
    let mut bombs = std::pin::pin!(bombs);
    let mut slowest = Duration::ZERO;
    loop {
        let asked = std::time::Instant::now();
        let health = suite.request(Method::GET, "/healthz").send();
        tokio::select! {
            _ = &mut bombs => break,
            healthy = health => assert_eq!(healthy.unwrap().status(), 200),
        }
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < HEALTHY_WITHIN, "/healthz took {slowest:?}");
}

async fn bomb_alone(suite: &Suite, encoding: &str, bomb: &[u8]) {
    is_no_bomb(suite, encoding, bomb.to_vec()).await;
}

async fn empty_lines_without_end(suite: &Suite) {
    let pieces = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'\n'; 1 << 16]));
    let request = suite
        .request(Method::POST, "/v1/batches")
        .header("content-type", NDJSON);
    // The connection is closed under the client's hands, maybe before it has read the answer.
    if let Ok(reply) = request
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
    {
        assert_eq!(reply.status(), 400);
    }
}

async fn wrong_media_type(suite: &Suite) {
    for kind in [
        "application/pdf",
        "multipart/form-data",
        "application/octet-stream",
        "",
    ] {
        suite
            .post("/v1/batches", kind, "x")
            .await
            .is_problem(415, "unsupported_media_type");
    }
    let request = suite
        .request(Method::POST, "/v1/batches")
        .header("content-type", NDJSON);
    let sent = request
        .header("content-encoding", "deflate")
        .body("x")
        .send()
        .await
        .unwrap();
    Reply::read(sent)
        .await
        .is_problem(415, "unsupported_media_type");
}

async fn with_key(suite: &Suite, key: &str, method: Method, path: &str) -> Reply {
    let request = suite
        .request(method, path)
        .header("authorization", format!("Bearer {key}"));
    Reply::read(request.send().await.unwrap()).await
}

async fn another_tenants_id(suite: &Suite) {
    let origin = suite.origin([("/a.jpg", ok(&photo(64, 64)))]);
    let body = json!({"items": [{"custom_id": "a", "url": origin.url("/a.jpg")}]}).to_string();
    let made = suite.post("/v1/batches", JSON, body).await;
    let id = made.json["id"].as_str().unwrap();
    for path in ["", "/results", "/errors"] {
        let path = format!("/v1/batches/{id}{path}");
        with_key(suite, &suite.keys.other, Method::GET, &path)
            .await
            .is_problem(404, "not_found");
    }
    let cancel = format!("/v1/batches/{id}/cancel");
    with_key(suite, &suite.keys.other, Method::POST, &cancel)
        .await
        .is_problem(404, "not_found");
    let listed = with_key(suite, &suite.keys.other, Method::GET, "/v1/batches").await;
    assert_eq!((listed.status, &listed.json["data"]), (200, &json!([])));
    ended(suite, id).await;
}

async fn ended(suite: &Suite, id: &str) -> Value {
    for _ in 0..600 {
        let request = suite.request(Method::GET, &format!("/v1/batches/{id}"));
        let batch = Reply::read(request.send().await.unwrap()).await.json;
        if batch["status"] == "completed" {
            return batch;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the batch never ended");
}

async fn no_id(suite: &Suite) {
    let long = format!("batch_{}", "f".repeat(5_000));
    for id in [
        "batch_",
        "..",
        "%2e%2e",
        "%2e%2e%2f%2e%2e",
        "batch_%00",
        "batch_*",
        &long,
    ] {
        let reply = Reply::read(
            suite
                .request(Method::GET, &format!("/v1/batches/{id}"))
                .send()
                .await
                .unwrap(),
        )
        .await;
        assert!(matches!(reply.status, 404 | 405), "{id}: {}", reply.json);
    }
}

async fn no_cursor(suite: &Suite) {
    let id = format!("batch_{}", "0".repeat(32));
    for query in [
        "after=x",
        "after=-1-1",
        "after=99999999999-1",
        "limit=0",
        "limit=-1",
        "limit=x",
        "x=1",
    ] {
        let path = format!("/v1/batches/{id}/results?{query}");
        let reply = Reply::read(suite.request(Method::GET, &path).send().await.unwrap()).await;
        reply.is_problem(400, "invalid_request");
    }
    for query in ["limit=0", "limit=101", "x=1"] {
        let reply = Reply::read(
            suite
                .request(Method::GET, &format!("/v1/batches?{query}"))
                .send()
                .await
                .unwrap(),
        )
        .await;
        reply.is_problem(400, "invalid_request");
    }
}

async fn keyed(suite: &Suite, key: &str, kind: &str, body: impl Into<reqwest::Body>) -> Reply {
    let request = suite
        .request(Method::POST, "/v1/batches")
        .header("content-type", kind);
    Reply::read(
        request
            .header("idempotency-key", key)
            .body(body)
            .send()
            .await
            .unwrap(),
    )
    .await
}

async fn key_reused(suite: &Suite) {
    let origin = suite.origin([("/a.jpg", ok(&photo(64, 64)))]);
    let body = |id| json!({"items": [{"custom_id": id, "url": origin.url("/a.jpg")}]}).to_string();
    let made = keyed(suite, "reused", JSON, body("a")).await;
    assert_eq!(made.status, 202, "{}", made.json);
    keyed(suite, "reused", JSON, body("b"))
        .await
        .is_problem(422, "idempotency_mismatch");
    assert_eq!(
        keyed(suite, "reused", JSON, body("a")).await.json["id"],
        made.json["id"]
    );
    keyed(suite, &"k".repeat(256), JSON, body("a"))
        .await
        .is_problem(400, "invalid_request");
    ended(suite, made.json["id"].as_str().unwrap()).await;
}

async fn key_in_flight(suite: &Suite) {
    let (open, shut) = tokio::sync::oneshot::channel::<()>();
    // Never ends by itself, and is refused in the end.
    let body = stream::once(async move {
        let _ = shut.await;
        Ok::<_, std::io::Error>(Bytes::from_static(b"nonsense"))
    });
    let first = keyed(suite, "in flight", NDJSON, reqwest::Body::wrap_stream(body));
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = loop {
            let reply = keyed(suite, "in flight", NDJSON, "nonsense").await;
            if reply.status == 409 {
                break reply;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        drop(open);
        answer
    };
    let (first, second) = tokio::join!(first, second);
    second.is_problem(409, "idempotency_in_flight");
    first.is_problem(400, "invalid_request");
}

/// Through a batch no more than through a request: one answer, and no connection.
async fn private_addresses(suite: &Suite) {
    let port = suite.trap.port;
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://private.example:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    let item = |(n, url): (usize, &String)| json!({"custom_id": n.to_string(), "url": url});
    let items: Vec<_> = urls.iter().enumerate().map(item).collect();
    let made = suite
        .post("/v1/batches", JSON, json!({"items": items}).to_string())
        .await;
    assert_eq!(made.status, 202, "{}", made.json);
    let batch = ended(suite, made.json["id"].as_str().unwrap()).await;
    assert_eq!(
        batch["failures"]["by_code"],
        json!({"source_unreachable": 5})
    );
    assert!(suite.trap.is_untouched().await);
}

async fn webhook_to_a_private_address(suite: &Suite) {
    let port = suite.trap.port;
    let names = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "private.example",
        "mixed.example",
    ];
    let urls = names
        .iter()
        .map(|name| format!("http://{name}:{port}/"))
        .chain(["file:///etc/passwd".to_owned()]);
    for url in urls {
        let body = json!({"items": [{"custom_id": "a", "url": "http://example.com/"}], "webhook_url": url});
        suite
            .post("/v1/batches", JSON, body.to_string())
            .await
            .is_problem(422, "webhook_not_allowed");
    }
    assert!(suite.trap.is_untouched().await);
}

/// The service has credentials that its callers have not.
async fn not_allowed(suite: &Suite) {
    let places = [
        "file:///etc/passwd",
        "file:///proc/self/environ",
        "file:///",
        "s3://bucket/list.csv",
        "gs://bucket/list.csv",
        "az://container/list.csv",
        "memory:/list.csv",
        "http://169.254.169.254/latest/meta-data/",
        "https://bucket.s3.amazonaws.com/list.csv",
        "list.csv",
        "",
    ];
    for url in places {
        let manifest = json!({"manifest": url, "format": "csv"}).to_string();
        suite
            .post("/v1/batches", JSON, manifest)
            .await
            .is_problem(422, "manifest_not_allowed");
        let output =
            json!({"items": [{"custom_id": "a", "url": "http://example.com/"}], "output": url})
                .to_string();
        suite
            .post("/v1/batches", JSON, output)
            .await
            .is_problem(422, "output_not_allowed");
    }
    let both = json!({"manifest": "s3://bucket/list.csv", "items": []}).to_string();
    suite
        .post("/v1/batches", JSON, both)
        .await
        .is_problem(400, "invalid_request");
}
