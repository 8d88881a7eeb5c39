//! Clients that leave, servers that stop.

use std::time::Duration;

use futures_util::StreamExt;
use testing::pictures;
use tokio::net::TcpStream;

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_waiter_and_its_place() {
    let api = Harness::with(&["--max-in-flight", "1"], Behaviour::Silent).await;
    let request = api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64));
    tokio::select! {
        _ = request => panic!("nobody answers"),
        () = api.until_waiting(1) => {}
    }
    // The request's future was dropped, and its connection with it.
    api.until_waiting(0).await;
    let next = api
        .post_raw(
            "/v1/tags?timeout_ms=50",
            "image/jpeg",
            pictures::photo(64, 64),
        )
        .await;
    next.is_problem(504, "deadline_exceeded");
    api.finish().await;
}

#[tokio::test]
async fn shutdown_finishes_what_is_open() {
    let api = Harness::with(&[], Behaviour::Slow(300)).await;
    let open = api.post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64));
    let stop = async {
        api.until_waiting(1).await;
        api.shutdown.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(
            TcpStream::connect(api.base.trim_start_matches("http://"))
                .await
                .is_err(),
            "no longer listens"
        );
    };
    let (reply, ()) = tokio::join!(open, stop);
    assert_eq!(reply.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let api = Harness::with(&["--body-timeout-ms", "100"], Behaviour::Answer).await;
    for kind in ["application/json", "image/png"] {
        let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >());
        let reply = api
            .client
            .post(api.url("/v1/tags"))
            .header("content-type", kind)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status(), 408, "{kind}");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_body_that_outlasts_its_own_deadline_is_504() {
    let api = Harness::start().await;
    let halves = [
        r#"{"image":{"url":"http://example.com/"},"#,
        r#""timeout_ms":50}"#,
    ];
    let slowly = futures_util::stream::iter(halves).then(|half| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok::<_, std::io::Error>(half)
    });
    let body = reqwest::Body::wrap_stream(slowly);
    let request = api
        .client
        .post(api.url("/v1/tags"))
        .header("content-type", "application/json")
        .body(body);
    let reply = Reply::read(request.send().await.unwrap()).await;
    reply.is_problem(504, "deadline_exceeded");
    assert_eq!(reply.json["stage"], "lookup");
    api.finish().await;
}
