//! Requests that are broken or hostile, whatever image they are about.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use identity::NewKey;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testing::pictures::photo;
use testing::servers::eventually;
use tokio::io::AsyncWriteExt;

use crate::{
    suite::{Suite, case},
    support::{form, raw, reply::Reply},
};

const JSON: &str = "application/json";

pub fn cases() -> Vec<Trial> {
    let nested = format!("{}1{}", r#"{"image":"#.repeat(10_000), "}".repeat(10_000));
    vec![
        refused("bad_json", br#"{"image":"#.into()),
        refused("empty_json", vec![]),
        refused("json_nested_10000_deep", nested.into_bytes()),
        refused("arrays_nested_10000_deep", "[".repeat(10_000).into_bytes()),
        refused(
            "invalid_utf8",
            b"{\"image\":{\"url\":\"http://example.com/\xff\"}}".into(),
        ),
        refused(
            "threshold_1e999",
            br#"{"image":{"url":"http://example.com/"},"threshold":1e999}"#.into(),
        ),
        refused(
            "unknown_field",
            br#"{"image":{"url":"http://example.com/"},"limits":3}"#.into(),
        ),
        refused(
            "two_sources",
            br#"{"image":{"url":"http://example.com/","content":"AAAA"}}"#.into(),
        ),
        refused(
            "duplicate_field",
            br#"{"image":{"url":"http://a.com/"},"image":{"url":"http://b.com/"}}"#.into(),
        ),
        refused("broken_base64", br#"{"image":{"content":"AAA*"}}"#.into()),
        case("api/no_key", no_key),
        case("api/unknown_key", unknown_key),
        case("api/revoked_key", revoked_key),
        case("api/over_the_rate", over_the_rate),
        case("api/ten_thousand_parts", many_parts),
        case("api/part_without_end", part_without_end),
        case("api/newline_in_client_ref", newline_in_client_ref),
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
        case("api/slow_bodies_leave_room", slow_bodies),
        case("api/two_lengths", two_lengths),
        case("api/length_and_chunks", length_and_chunks),
    ]
}

fn refused(name: &str, body: Vec<u8>) -> Trial {
    case(format!("api/{name}"), async move |suite: &Suite| {
        suite
            .post("/v1/tags", JSON, body)
            .await
            .is_problem(400, "invalid_request");
    })
}

async fn with_key(suite: &Suite, authorization: &str) -> Reply {
    let request = suite
        .request(Method::POST, "/v1/tags")
        .header("authorization", authorization);
    Reply::read(
        request
            .header("content-type", "image/jpeg")
            .body(photo(64, 64))
            .send()
            .await
            .unwrap(),
    )
    .await
}

async fn no_key(suite: &Suite) {
    for authorization in [
        "",
        "Bearer",
        "Bearer ",
        &format!("Basic {}", suite.keys.good),
        &suite.keys.good,
    ] {
        let reply = with_key(suite, authorization).await;
        reply.is_problem(401, "unauthorized");
        assert!(reply.headers.contains_key("www-authenticate"));
    }
}

async fn unknown_key(suite: &Suite) {
    let stranger = NewKey::random("stranger", 1.0, None).unwrap().key;
    for key in [
        stranger.as_str(),
        "tf_",
        &suite.keys.good[1..],
        &format!("{}0", suite.keys.good),
    ] {
        with_key(suite, &format!("Bearer {key}"))
            .await
            .is_problem(401, "unauthorized");
    }
    assert!(
        !suite.server.log().contains(&stranger),
        "no key is logged, not even a wrong one"
    );
}

async fn revoked_key(suite: &Suite) {
    with_key(suite, &format!("Bearer {}", suite.keys.revoked))
        .await
        .is_problem(401, "key_revoked");
}

async fn over_the_rate(suite: &Suite) {
    let bearer = format!("Bearer {}", suite.keys.hasty);
    assert_eq!(
        [
            with_key(suite, &bearer).await.status,
            with_key(suite, &bearer).await.status
        ],
        [200, 200]
    );
    let reply = with_key(suite, &bearer).await;
    reply.is_problem(429, "rate_limited");
    assert_eq!(reply.json["retryable"], true);
    for header in ["retry-after", "ratelimit", "ratelimit-policy"] {
        assert!(reply.headers.contains_key(header), "{header}");
    }
}

async fn many_parts(suite: &Suite) {
    let parts: Vec<_> = (0..10_000)
        .map(|n| form::option(&format!("field-{n}"), "x"))
        .collect();
    suite
        .post("/v1/tags", form::KIND, form::form(&parts))
        .await
        .is_problem(413, "body_too_large");
}

/// Headers of a part, and never its body.
async fn part_without_end(suite: &Suite) {
    let body = form::part(
        &format!("name=\"image\"\r\nX: {}", "x".repeat(1 << 20)),
        b"",
    );
    suite
        .post("/v1/tags", form::KIND, body)
        .await
        .is_problem(400, "invalid_request");
}

/// It comes back as it was, and the request leaves one line.
async fn newline_in_client_ref(suite: &Suite) {
    let text = "album 7\n{\"level\":\"INFO\",\"message\":\"forged\"}\r\n\u{1b}[31m";
    // The lines of what was before are written by then.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = suite.server.log().len();
    let image = json!({"content": BASE64_STANDARD.encode(photo(64, 64))});
    let reply = suite
        .post_json(json!({"image": image, "client_ref": text}))
        .await;
    assert_eq!(
        (reply.status, &reply.json["client_ref"]),
        (200, &json!(text))
    );
    let log = eventually("the line is written", async || {
        let log = suite.server.log();
        log[before..].contains("album 7").then_some(log)
    })
    .await;
    let lines: Vec<Value> = log[before..]
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1, "{}", &log[before..]);
    assert_eq!(lines[0]["client_ref"], text);
}

const CAP_BYTES: usize = 64_000_000;

async fn body_over_the_cap(suite: &Suite) {
    suite
        .post_bytes(&vec![0xff; CAP_BYTES + 1])
        .await
        .is_problem(413, "body_too_large");
}

async fn json_over_the_cap(suite: &Suite) {
    let json = format!(
        r#"{{"image":{{"content":"{}"}}}}"#,
        "A".repeat(CAP_BYTES * 3 / 2)
    );
    suite
        .post("/v1/tags", JSON, json)
        .await
        .is_problem(413, "body_too_large");
}

/// Without a length to tell by: counted while it comes.
async fn endless_body(suite: &Suite) {
    let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0xff; 1 << 16]));
    let request = suite
        .request(Method::POST, "/v1/tags")
        .header("content-type", "image/png");
    // The connection is closed under the client's hands, maybe before it has read the answer.
    if let Ok(reply) = request
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
    {
        assert_eq!(reply.status(), 413);
    }
}

async fn wrong_media_type(suite: &Suite) {
    for kind in ["text/plain", "application/xml", "image"] {
        suite
            .post("/v1/tags", kind, photo(64, 64))
            .await
            .is_problem(415, "unsupported_media_type");
    }
}

async fn no_media_type(suite: &Suite) {
    let request = suite.request(Method::POST, "/v1/tags").body(photo(64, 64));
    assert_eq!(request.send().await.unwrap().status(), 200, "it is seen");
    let request = suite.request(Method::POST, "/v1/tags").body("x");
    assert_eq!(request.send().await.unwrap().status(), 415);
}

async fn trace(suite: &Suite) {
    for path in ["/v1/tags", "/healthz", "/"] {
        assert_eq!(
            suite
                .request(Method::TRACE, path)
                .send()
                .await
                .unwrap()
                .status(),
            405,
            "{path}"
        );
    }
}

async fn large_head(suite: &Suite) {
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(64 << 10)
    );
    starts_with(&raw::send(&suite.server.base, head).await, "HTTP/1.1 431");
}

async fn many_headers(suite: &Suite) {
    let head = format!(
        "GET /healthz HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(1000)
    );
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
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}

/// Closed as well.
async fn nothing_sent(suite: &Suite) {
    for sent in ["", "P", "POST /v1/tags HTTP/1.1\r\nHost:"] {
        let answer = raw::send(&suite.server.base, sent).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{sent:?}: {answer}"
        );
    }
}

/// Clients that announce much, or nothing, and send little, hold little of the bytes that there may be: each of these
/// was once given 53 MB of 537.
async fn slow_bodies(suite: &Suite) {
    let mut open = Vec::new();
    for kind in [JSON, "image/png", form::KIND] {
        for length in [
            "Content-Length: 19000000\r\n\r\n{",
            "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
        ] {
            for _ in 0..16 {
                let mut stream = raw::connect(&suite.server.base).await;
                let key = &suite.keys.good;
                let head = format!(
                    "POST /v1/tags HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: {kind}\r\n{length}"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                open.push(stream);
            }
        }
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    suite.is_tagged(&photo(640, 480)).await;
}

async fn two_lengths(suite: &Suite) {
    let head =
        "POST /v1/tags HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde";
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
    starts_with(&answer, "HTTP/1.1 400");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[track_caller]
fn starts_with(answer: &str, start: &str) {
    assert!(answer.starts_with(start), "{answer}");
}
