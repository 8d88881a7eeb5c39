//! What the connections themselves refuse and end, byte by byte.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testing::pictures::photo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    harness::Harness,
    support::{raw, worker::Behaviour},
};

/// Well under an hour, and long enough for a busy machine.
const SOON: Duration = Duration::from_secs(20);

#[track_caller]
fn is_refused_framing(answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("HTTP/1.1 400 ") && head.contains("application/problem+json"),
        "{answer}"
    );
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "invalid_request");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("Content-Length"),
        "{problem}"
    );
    assert!(head.contains(problem["request_id"].as_str().unwrap()));
}

#[tokio::test]
async fn length_and_encoding_together_get_400_and_the_connection_ends() {
    let api = Harness::start().await;
    let length = "content-length: 4\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for headers in [
        [length, chunked].concat(),
        [chunked, length].concat(),
        [length, length, chunked].concat(),
    ] {
        // What hides in the body stays unread.
        let request = format!(
            "POST /v1/tags HTTP/1.1\r\nHost: a\r\n{headers}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        is_refused_framing(&raw::send(&api.base, &request).await);
    }
    // As the second request of a connection.
    let mut stream = raw::connect(&api.base).await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 1024];
    let read = stream.read(&mut first).await.unwrap();
    assert!(first[..read].ends_with(b"ok\n"));
    let request = format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{length}{chunked}\r\n0\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    is_refused_framing(&raw::rest(stream).await);
    api.finish().await;
}

#[tokio::test]
async fn either_framing_alone_is_fine() {
    let api = Harness::start().await;
    for framing in [
        "Content-Length: 2\r\n\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        let request = format!(
            "POST /v1/tags HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n{framing}"
        );
        let answer = raw::send(&api.base, &request).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("`image` is missing"),
            "{answer}"
        );
    }
    api.finish().await;
}

/// Whether the server answers on a connection; else it has closed it.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let _ = stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    let mut answer = [0; 1024];
    let read = timeout(SOON, stream.read(&mut answer)).await;
    matches!(read.expect("an answer or the end"), Ok(bytes) if bytes > 0)
}

#[tokio::test]
async fn one_client_has_so_many_connections_and_no_more() {
    let args = [
        "--max-connections-per-client",
        "2",
        "--edge-nets",
        "192.0.2.0/24",
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let mut first = raw::connect(&api.base).await;
    let mut second = raw::connect(&api.base).await;
    assert!(is_answered(&mut first).await && is_answered(&mut second).await);
    let mut third = raw::connect(&api.base).await;
    assert!(!is_answered(&mut third).await, "it is closed at once");
    assert!(is_answered(&mut first).await, "the others stay");
    drop(second);
    let place_came_back = async {
        while !is_answered(&mut raw::connect(&api.base).await).await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, place_came_back).await.expect("it does");
    api.finish().await;
}

#[tokio::test]
async fn addresses_of_an_edge_are_many_clients() {
    let args = ["--max-connections-per-client", "1"];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let mut first = raw::connect(&api.base).await;
    let mut second = raw::connect(&api.base).await;
    assert!(is_answered(&mut first).await && is_answered(&mut second).await);
    drop((first, second));
    api.finish().await;
}

#[tokio::test]
async fn trace_gets_405_on_every_path_that_there_is() {
    let api = Harness::start().await;
    for path in [
        "/v1/tags",
        "/v1/models",
        "/",
        "/healthz",
        "/metrics",
        "/problems/internal",
        "/openapi.json",
    ] {
        let answer = raw::send(
            &api.base,
            format!("TRACE {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 405 ") && answer.contains("method_not_allowed"),
            "{path}: {answer}"
        );
    }
    api.finish().await;
}

/// Type, flags, stream and payload of an HTTP/2 frame.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [
        &[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream],
        payload,
    ]
    .concat()
}

async fn http2(api: &Harness) -> TcpStream {
    let mut stream = raw::connect(&api.base).await;
    let settings = frame(4, 0, 0, &[]);
    stream
        .write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..]].concat())
        .await
        .unwrap();
    stream
}

/// `GET /` by the static table of HPACK.
fn get(stream: u8) -> Vec<u8> {
    frame(1, 0b101, stream, &[0x82, 0x84, 0x86, 0x41, 1, b'a'])
}

/// How long the server lets it go on sending pings.
async fn pings(mut stream: TcpStream) -> Duration {
    let begun = Instant::now();
    let mut buffer = vec![0; 65_536];
    while begun.elapsed() < SOON {
        let ended = match timeout(Duration::from_millis(20), stream.read(&mut buffer)).await {
            Ok(read) => read.map_or(true, |bytes| bytes == 0),
            Err(_) => stream
                .write_all(&frame(6, 0, 0, b"pingpong"))
                .await
                .is_err(),
        };
        if ended {
            break;
        }
    }
    begun.elapsed()
}

#[tokio::test]
async fn pings_alone_keep_no_connection() {
    let args = ["--header-timeout-ms", "200", "--idle-timeout-ms", "600"];
    let api = Harness::with(&args, Behaviour::Answer).await;
    assert!(pings(http2(&api).await).await < SOON, "before a request");
    let mut stream = http2(&api).await;
    for id in [1, 3, 5] {
        // Longer than the header timeout, shorter than the idle one.
        stream.write_all(&get(id)).await.unwrap();
        sleep(Duration::from_millis(300)).await;
    }
    let lasted = pings(stream).await;
    assert!(
        lasted < SOON && lasted > Duration::from_millis(100),
        "after requests: {lasted:?}"
    );
    api.finish().await;
}

#[tokio::test]
async fn a_request_may_take_longer_than_idle_connections_live() {
    let api = Harness::with(&["--idle-timeout-ms", "100"], Behaviour::Slow(500)).await;
    let file = photo(64, 64);
    assert_eq!(
        api.post_raw("/v1/tags", "image/jpeg", file).await.status,
        200
    );
    api.finish().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let api = Harness::with(&["--idle-timeout-ms", "300"], Behaviour::Answer).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket
        .connect(api.base.trim_start_matches("http://").parse().unwrap())
        .await
        .unwrap();
    // More than the kernel's buffers take: the document is some ten kilobytes.
    let request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n".repeat(30);
    stream.write_all(&request).await.unwrap();
    let one = api
        .get("/docs/swagger-ui-bundle.js")
        .await
        .json
        .as_str()
        .unwrap()
        .len();
    sleep(Duration::from_secs(2)).await;
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(Ok(bytes @ 1..)) = timeout(SOON, stream.read(&mut buffer)).await {
        read += bytes;
    }
    assert!(read < 30 * one, "{read} bytes, which is all of them");
    api.finish().await;
}

#[tokio::test]
async fn a_client_ref_comes_back_as_it_was() {
    let api = Harness::start().await;
    let file = photo(64, 64);
    for text in [
        "album/1",
        "two\nlines",
        "\u{1b}[31m\r\n\t\0",
        &"한".repeat(200),
        "",
    ] {
        let content = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &file);
        let reply = api
            .post_json(json!({"image": {"content": content}, "client_ref": text}))
            .await;
        assert_eq!(
            (reply.status, &reply.json["client_ref"]),
            (200, &json!(text)),
            "{}",
            reply.json
        );
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_ref", text)
            .finish();
        let reply = api
            .post_raw(&format!("/v1/tags?{query}"), "image/jpeg", file.clone())
            .await;
        assert_eq!(
            (reply.status, &reply.json["client_ref"]),
            (200, &json!(text)),
            "{}",
            reply.json
        );
    }
    let none = api.post_raw("/v1/tags", "image/jpeg", file.clone()).await;
    assert!(none.json.get("client_ref").is_none());
    let long = api
        .post_raw(
            &format!("/v1/tags?client_ref={}", "x".repeat(201)),
            "image/jpeg",
            file,
        )
        .await;
    long.is_problem(400, "invalid_request");
    api.finish().await;
}
