//! Clients that leave, servers that stop.

use std::time::Duration;

use futures_util::StreamExt;
use prepare::testing;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_waiter_and_its_place() {
    let api = Harness::with(&["--max-in-flight", "1"], Behaviour::Silent).await;
    let request = api.post_raw("/v1/tags", "image/jpeg", testing::photo(64, 64));
    tokio::select! {
        _ = request => panic!("nobody answers"),
        () = api.until_waiting(1) => {}
    }
    // The request's future was dropped, and its connection with it.
    api.until_waiting(0).await;
    let next = api.post_raw("/v1/tags?timeout_ms=50", "image/jpeg", testing::photo(64, 64)).await;
    next.is_problem(504, "deadline_exceeded");
    api.finish().await;
}

#[tokio::test]
async fn shutdown_finishes_what_is_open() {
    let api = Harness::with(&[], Behaviour::Slow(300)).await;
    let open = api.post_raw("/v1/tags", "image/jpeg", testing::photo(64, 64));
    let stop = async {
        api.until_waiting(1).await;
        api.shutdown.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(TcpStream::connect(api.base.trim_start_matches("http://")).await.is_err(), "no longer listens");
    };
    let (reply, ()) = tokio::join!(open, stop);
    assert_eq!(reply.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn clients_that_send_nothing_or_half_a_head_are_shut_out() {
    let api = Harness::with(&["--header-timeout-ms", "200"], Behaviour::Answer).await;
    for sent in ["", "P", "POST /v1/tags HTTP/1.1\r\nHost:"] {
        let mut stream = TcpStream::connect(api.base.trim_start_matches("http://")).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{sent:?} keeps its connection");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let api = Harness::with(&["--body-timeout-ms", "100"], Behaviour::Answer).await;
    for kind in ["application/json", "image/png"] {
        let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let reply = api.client.post(api.url("/v1/tags")).header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(reply.status(), 408, "{kind}");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_body_that_outlasts_its_own_deadline_is_504() {
    let api = Harness::start().await;
    let halves = [r#"{"image":{"url":"http://example.com/"},"#, r#""timeout_ms":50}"#];
    let slowly = futures_util::stream::iter(halves).then(|half| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok::<_, std::io::Error>(half)
    });
    let body = reqwest::Body::wrap_stream(slowly);
    let request = api.client.post(api.url("/v1/tags")).header("content-type", "application/json").body(body);
    let reply = Reply::read(request.send().await.unwrap()).await;
    reply.is_problem(504, "deadline_exceeded");
    assert_eq!(reply.json["stage"], "lookup");
    api.finish().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let api = Harness::start().await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(64 << 10));
    let mut stream = TcpStream::connect(api.base.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 431");
    api.finish().await;
}
