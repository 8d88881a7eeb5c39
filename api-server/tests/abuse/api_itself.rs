//! Requests that are broken or hostile, whatever image they are about.

use std::time::Duration;

use http::Method;
use libtest_mimic::Trial;
use prepare::testing::photo;
use tokio::io::AsyncWriteExt;

use crate::{
    suite::{Suite, case},
    support::raw,
};

const JSON: &str = "application/json";

pub fn cases() -> Vec<Trial> {
    let nested = format!("{}1{}", r#"{"image":"#.repeat(10_000), "}".repeat(10_000));
    vec![
        refused("bad_json", br#"{"image":"#.into()),
        refused("empty_json", vec![]),
        refused("json_nested_10000_deep", nested.into_bytes()),
        refused("arrays_nested_10000_deep", "[".repeat(10_000).into_bytes()),
        refused("invalid_utf8", b"{\"image\":{\"url\":\"http://example.com/\xff\"}}".into()),
        refused("threshold_1e999", br#"{"image":{"url":"http://example.com/"},"threshold":1e999}"#.into()),
        refused("unknown_field", br#"{"image":{"url":"http://example.com/"},"limits":3}"#.into()),
        refused("two_sources", br#"{"image":{"url":"http://example.com/","content":"AAAA"}}"#.into()),
        refused("duplicate_field", br#"{"image":{"url":"http://a.com/"},"image":{"url":"http://b.com/"}}"#.into()),
        refused("broken_base64", br#"{"image":{"content":"AAA*"}}"#.into()),
        case("api/body_over_the_cap", body_over_the_cap),
        case("api/json_over_the_cap", json_over_the_cap),
        case("api/endless_body_over_the_cap", endless_body),
        case("api/wrong_media_type", wrong_media_type),
        case("api/no_media_type", no_media_type),
        case("api/trace", trace),
        case("api/head_of_64_kilobytes", large_head),
        case("api/a_thousand_headers", many_headers),
        case("api/headers_one_byte_a_second", slow_head),
        case("api/nothing_sent", nothing_sent),
        case("api/two_lengths", two_lengths),
        case("api/length_and_chunks", length_and_chunks),
    ]
}

fn refused(name: &str, body: Vec<u8>) -> Trial {
    case(format!("api/{name}"), async move |suite: &Suite| {
        suite.post("/v1/tags", JSON, body).await.is_problem(400, "invalid_request");
    })
}

const CAP_BYTES: usize = 20_000_000;

async fn body_over_the_cap(suite: &Suite) {
    suite.post_bytes(&vec![0xff; CAP_BYTES + 1]).await.is_problem(413, "body_too_large");
}

async fn json_over_the_cap(suite: &Suite) {
    let json = format!(r#"{{"image":{{"content":"{}"}}}}"#, "A".repeat(CAP_BYTES * 3 / 2));
    suite.post("/v1/tags", JSON, json).await.is_problem(413, "body_too_large");
}

/// Without a length to tell by: counted while it comes.
async fn endless_body(suite: &Suite) {
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0xff; 1 << 16]));
    let request = suite.request(Method::POST, "/v1/tags").header("content-type", "image/png");
    // The connection is closed under the client's hands, maybe before it has read the answer.
    if let Ok(reply) = request.body(reqwest::Body::wrap_stream(chunks)).send().await {
        assert_eq!(reply.status(), 413);
    }
}

async fn wrong_media_type(suite: &Suite) {
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "image"] {
        suite.post("/v1/tags", kind, photo(64, 64)).await.is_problem(415, "unsupported_media_type");
    }
}

async fn no_media_type(suite: &Suite) {
    let request = suite.request(Method::POST, "/v1/tags").body(photo(64, 64));
    assert_eq!(request.send().await.unwrap().status(), 415);
}

async fn trace(suite: &Suite) {
    for path in ["/v1/tags", "/healthz", "/"] {
        assert_eq!(suite.request(Method::TRACE, path).send().await.unwrap().status(), 405, "{path}");
    }
}

async fn large_head(suite: &Suite) {
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    starts_with(&raw::send(&suite.server.base, head).await, "HTTP/1.1 431");
}

async fn many_headers(suite: &Suite) {
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(1000));
    starts_with(&raw::send(&suite.server.base, head).await, "HTTP/1.1 431");
}

/// Closed without a word, or with 408.
async fn slow_head(suite: &Suite) {
    let mut stream = raw::connect(&suite.server.base).await;
    for byte in b"POST /v1" {
        if stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let answer = raw::rest(stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

async fn nothing_sent(suite: &Suite) {
    assert_eq!(raw::rest(raw::connect(&suite.server.base).await).await, "");
}

async fn two_lengths(suite: &Suite) {
    let head = "POST /v1/tags HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde";
    starts_with(&raw::send(&suite.server.base, head).await, "HTTP/1.1 400");
}

/// The second request must not be taken for one, whoever stands in between.
async fn length_and_chunks(suite: &Suite) {
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = format!(
        "POST /v1/tags HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        5 + smuggled.len()
    );
    let answer = raw::send(&suite.server.base, head).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[track_caller]
fn starts_with(answer: &str, start: &str) {
    assert!(answer.starts_with(start), "{answer}");
}
