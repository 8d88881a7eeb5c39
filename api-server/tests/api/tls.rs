//! Origins behind TLS, over HTTP/2, good and bad.

use std::net::TcpListener;

use bytes::Bytes;
use testing::pictures::photo;

use crate::{
    harness::Harness,
    support::{
        names::SECURE,
        secure::{self, Authority, Trick},
        worker::Behaviour,
    },
};

const VALID: i32 = 2099;

fn origin(authority: &Authority, name: &str, last_year: i32, trick: Trick) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    secure::origin(listener, authority, name, last_year, trick)
}

#[tokio::test]
async fn an_image_comes_over_http_2() {
    let authority = Authority::new();
    let base = origin(
        &authority,
        SECURE,
        VALID,
        Trick::Serve(photo(800, 600).into()),
    );
    let api = Harness::in_world(
        &["--fetch-allow-origin", &base],
        Behaviour::Answer,
        authority.world(),
    )
    .await;
    for _ in 0..3 {
        let reply = api.post_url(&format!("{base}/cat.jpg")).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    api.finish().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_an_unreachable_host() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let cases = [
        (&authority, SECURE, 2021),
        (&authority, "dog.example", VALID),
        (&stranger, SECURE, VALID),
    ];
    for (signer, name, last_year) in cases {
        let base = origin(signer, name, last_year, Trick::Serve(Bytes::new()));
        let api = Harness::in_world(
            &["--fetch-allow-origin", &base],
            Behaviour::Answer,
            authority.world(),
        )
        .await;
        let reply = api.post_url(&base).await;
        reply.is_problem(422, "source_unreachable");
        assert_eq!(
            reply.json["detail"],
            "No connection could be made to the image's host."
        );
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
        let base = origin(&authority, SECURE, VALID, trick);
        // Only who is to be found slow is hurried: a busy machine makes any handshake slow.
        let (first_byte_ms, whole_ms) = match code {
            "source_timeout" => ("300", "600"),
            _ => ("20000", "30000"),
        };
        let limits = [
            "--fetch-first-byte-timeout-ms",
            first_byte_ms,
            "--fetch-timeout-ms",
            whole_ms,
            "--fetch-max-bytes",
            "1000000",
        ];
        let args = [&limits[..], &["--fetch-allow-origin", &base]].concat();
        let api = Harness::in_world(&args, Behaviour::Answer, authority.world()).await;
        api.post_url(&base).await.is_problem(422, code);
        api.finish().await;
    }
}
