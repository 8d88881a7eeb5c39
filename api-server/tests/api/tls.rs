//! Origins behind TLS, over HTTP/2, good and bad.

use bytes::Bytes;

use crate::{
    harness::Harness,
    pictures,
    secure::{Authority, NAME, Trick, origin},
    worker::Behaviour,
};

const VALID: i32 = 2099;

#[tokio::test]
async fn an_image_comes_over_http_2() {
    let authority = Authority::new();
    let base = origin(&authority, NAME, VALID, Trick::Serve(pictures::jpeg(800, 600).into())).await;
    let api = Harness::in_world(&["--fetch-allow-origin", &base], Behaviour::Answer, authority.world()).await;
    for _ in 0..3 {
        let reply = api.post_url(&format!("{base}/cat.jpg")).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    api.finish().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_an_unreachable_host() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases = [(&authority, NAME, 2021), (&authority, "dog.example", VALID), (&stranger, NAME, VALID)];
    for (signer, name, last_year) in cases {
        let base = origin(signer, name, last_year, Trick::Serve(Bytes::new())).await;
        let api = Harness::in_world(&["--fetch-allow-origin", &base], Behaviour::Answer, authority.world()).await;
        let reply = api.post_url(&base).await;
        reply.is_problem(422, "source_unreachable");
        assert_eq!(reply.json["detail"], "No connection could be made to the image's host.");
        api.finish().await;
    }
}

#[tokio::test]
async fn every_bound_holds_over_http_2() {
    let authority = Authority::new();
    let tricks = [
        (Trick::Silent, "source_timeout"),
        (Trick::Drip, "source_timeout"),
        (Trick::Informs, "source_timeout"),
        (Trick::Endless, "source_too_large"),
        (Trick::LargeHead, "source_unreachable"),
        (Trick::Short, "source_incomplete"),
        (Trick::Serve(Bytes::new()), "empty_image"),
    ];
    for (trick, code) in tricks {
        let base = origin(&authority, NAME, VALID, trick).await;
        let limits =
            ["--fetch-first-byte-timeout-ms", "300", "--fetch-timeout-ms", "600", "--fetch-max-bytes", "1000000"];
        let args = [&limits[..], &["--fetch-allow-origin", &base]].concat();
        let api = Harness::in_world(&args, Behaviour::Answer, authority.world()).await;
        api.post_url(&base).await.is_problem(422, code);
        api.finish().await;
    }
}
