//! Origins that misbehave: each fault has a code of its own.

use std::time::Duration;

use libtest_mimic::Trial;
use testing::pictures;
use tokio::time::sleep;

use crate::{
    suite::{PAUSE, Suite, case},
    support::{
        decoder::ABORT,
        origin::{Page, ok, redirect, status, with_headers},
        reply::Reply,
    },
};

const LARGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n";
const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort";
const BROKEN_OFF: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort";

pub fn cases() -> Vec<Trial> {
    let photo = pictures::photo(640, 480);
    let bytes = |text: &str| Page::Bytes(text.as_bytes().to_vec());
    let chain = [
        ("/", redirect("/1")),
        ("/1", redirect("/2")),
        ("/2", redirect("/3")),
        ("/3", redirect("/4")),
        ("/4", ok(&photo)),
    ];
    vec![
        fault("redirect_loop", redirect("/"), "too_many_redirects", false),
        failing(
            "redirects_one_too_many",
            chain.into(),
            "too_many_redirects",
            false,
        ),
        fault(
            "redirect_without_location",
            Page::Bytes(status(302, "")),
            "source_http_error",
            false,
        ),
        fault(
            "closes_without_an_answer",
            bytes(""),
            "source_incomplete",
            true,
        ),
        fault(
            "closes_within_the_head",
            bytes("HTTP/1.1 200 OK\r\nContent-"),
            "source_incomplete",
            true,
        ),
        fault(
            "http_404",
            Page::Bytes(status(404, "")),
            "source_http_error",
            false,
        ),
        fault(
            "http_304",
            Page::Bytes(status(304, "")),
            "source_http_error",
            false,
        ),
        fault(
            "http_500",
            Page::Bytes(status(500, "")),
            "source_http_error",
            true,
        ),
        fault(
            "http_429",
            Page::Bytes(status(429, "")),
            "source_http_error",
            true,
        ),
        fault("silent", Page::Silent, "source_timeout", true),
        fault(
            "one_byte_a_second",
            Page::Drip(100_000, Duration::from_secs(1)),
            "source_timeout",
            true,
        ),
        fault(
            "pause_within_the_body",
            Page::Drip(100_000, Duration::from_secs(10)),
            "source_timeout",
            true,
        ),
        fault("head_without_end", Page::DripHead, "source_timeout", true),
        fault(
            "early_hints_without_end",
            Page::Informs,
            "source_timeout",
            true,
        ),
        fault(
            "large_content_length",
            bytes(LARGE),
            "source_too_large",
            false,
        ),
        fault("endless_chunks", Page::Endless, "source_too_large", false),
        fault(
            "packed_body_that_is_broken",
            with_headers("Content-Encoding: br\r\n", b"\x0b\x02\x80nonsense"),
            "unsupported_encoding",
            false,
        ),
        fault(
            "shorter_than_announced",
            bytes(SHORT),
            "source_incomplete",
            true,
        ),
        fault(
            "chunks_that_break_off",
            bytes(BROKEN_OFF),
            "source_incomplete",
            true,
        ),
        fault("nothing", ok(b""), "empty_image", false),
        deadly(),
    ]
}

/// Twice in a row, and the host's circuit opens: its files cost a decoder each.
fn deadly() -> Trial {
    case("origin/files_that_kill_decoders", async |suite: &Suite| {
        let pages = [
            ("/abort", ok(ABORT)),
            ("/text", ok(b"no image")),
            ("/photo", ok(&pictures::photo(64, 64))),
        ];
        let origin = suite.origin(pages);
        let ask = async |path: &str| suite.post_url(&origin.url(path)).await;
        let left_alone = |reply: &Reply| {
            reply.is_problem(422, "image_invalid");
            assert_eq!(
                (&reply.json["stage"], &reply.json["retryable"]),
                (&"fetch".into(), &true.into())
            );
        };
        // Whoever serves others' files as well is not closed by a few.
        for path in ["/abort", "/photo", "/abort", "/text", "/abort"] {
            assert_ne!(ask(path).await.json["stage"], "fetch");
        }
        assert_eq!(ask("/abort").await.json["stage"], "prepare");
        left_alone(&ask("/photo").await);
        sleep(PAUSE * 5 / 4).await;
        assert_eq!(
            ask("/abort").await.json["stage"],
            "prepare",
            "the probe arrives well, and kills its decoder"
        );
        left_alone(&ask("/photo").await);
        sleep(PAUSE * 5 / 2).await;
        for _ in 0..2 {
            assert_eq!(ask("/photo").await.status, 200);
        }
    })
}

fn fault(name: &str, page: Page, code: &'static str, retryable: bool) -> Trial {
    failing(name, vec![("/", page)], code, retryable)
}

fn failing(
    name: &str,
    pages: Vec<(&'static str, Page)>,
    code: &'static str,
    retryable: bool,
) -> Trial {
    case(format!("origin/{name}"), async move |suite: &Suite| {
        let origin = suite.origin(pages);
        let reply = suite.post_url(&origin.url("/")).await;
        reply.is_problem(422, code);
        assert_eq!(
            (&reply.json["stage"], &reply.json["retryable"]),
            (&"fetch".into(), &retryable.into())
        );
    })
}
