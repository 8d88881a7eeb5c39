//! Origins as they are in the field: odd, and in good faith.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use serde_json::json;
use testing::pictures::photo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    harness::Harness,
    support::{
        origin::{Origin, Page, ok, redirect, status, with_headers},
        worker::Behaviour,
    },
};

async fn api(origin: &str) -> Harness {
    Harness::with(&["--fetch-allow-origin", origin], Behaviour::Answer).await
}

macro_rules! packed {
    ($encoder:ident, $plain:expr) => {{
        let mut encoder = $encoder::new(Vec::new());
        encoder.write_all($plain).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }};
}

#[tokio::test]
async fn an_image_is_read_however_its_host_has_packed_it() {
    let photo = photo(64, 64);
    let origin = Origin::start([
        (
            "/aws",
            with_headers("Content-Encoding: aws-chunked\r\n", &photo),
        ),
        ("/none", with_headers("Content-Encoding: \r\n", &photo)),
        ("/lie", with_headers("Content-Encoding: gzip\r\n", &photo)),
        (
            "/gzip",
            with_headers("Content-Encoding: gzip\r\n", &packed!(GzipEncoder, &photo)),
        ),
        (
            "/both",
            with_headers(
                "Content-Encoding: aws-chunked,GZip\r\n",
                &packed!(GzipEncoder, &photo),
            ),
        ),
        (
            "/br",
            with_headers("Content-Encoding: br\r\n", &packed!(BrotliEncoder, &photo)),
        ),
        (
            "/zstd",
            with_headers("Content-Encoding: zstd\r\n", &packed!(ZstdEncoder, &photo)),
        ),
        (
            "/deflate",
            with_headers(
                "Content-Encoding: deflate\r\n",
                &packed!(ZlibEncoder, &photo),
            ),
        ),
        (
            "/zeros",
            with_headers(
                "Content-Encoding: gzip\r\n",
                &[packed!(GzipEncoder, &photo), vec![0; 512]].concat(),
            ),
        ),
        (
            "/more",
            with_headers(
                "Content-Encoding: gzip\r\n",
                &[&packed!(GzipEncoder, &photo)[..], b"\r\n<!-- cached -->"].concat(),
            ),
        ),
        (
            "/cut",
            with_headers(
                "Content-Encoding: gzip\r\n",
                &packed!(GzipEncoder, &photo)[..200],
            ),
        ),
        (
            "/205",
            Page::Bytes(b"HTTP/1.1 205 Reset Content\r\n\r\n".to_vec()),
        ),
        (
            "/broken",
            with_headers("Content-Encoding: br\r\n", b"\x0b\x02\x80nonsense"),
        ),
        (
            "/bomb",
            with_headers(
                "Content-Encoding: gzip\r\n",
                &packed!(GzipEncoder, &vec![0; 30 << 20]),
            ),
        ),
    ])
    .await;
    let api = api(&origin.base).await;
    for path in [
        "/aws", "/none", "/lie", "/gzip", "/both", "/br", "/zstd", "/deflate", "/zeros", "/more",
    ] {
        let reply = api.post_url(&origin.url(path)).await;
        assert_eq!(
            (reply.status, &reply.json["image"]["width"]),
            (200, &json!(64)),
            "{path}: {}",
            reply.json
        );
    }
    api.post_url(&origin.url("/broken"))
        .await
        .is_problem(422, "unsupported_encoding");
    let cut = api.post_url(&origin.url("/cut")).await;
    cut.is_problem(422, "source_incomplete");
    assert_eq!(cut.json["retryable"], true);
    let detail = cut.json["detail"].as_str().unwrap();
    assert_eq!(detail.matches("gzip").count(), 1, "{detail}");
    api.post_url(&origin.url("/205"))
        .await
        .is_problem(422, "empty_image");
    let bomb = api.post_url(&origin.url("/bomb")).await;
    assert!(
        ["source_too_large", "unsupported_encoding"].contains(&bomb.json["code"].as_str().unwrap()),
        "{}",
        bomb.json
    );
    let head = origin.heads.lock().unwrap()[0].to_lowercase();
    let accept = head
        .lines()
        .find(|line| line.starts_with("accept: "))
        .unwrap();
    assert_eq!(accept, format!("accept: {}", fetch::ACCEPT));
    assert!(
        accept.contains("image/jpeg") && !accept.contains("image/*"),
        "{accept}"
    );
    api.finish().await;
}

#[tokio::test]
async fn redirects_are_followed_as_they_are_written() {
    let origin = Origin::start([
        ("/a", redirect("/\u{d55c}\u{ad6d} 1.jpg")),
        ("/%ED%95%9C%EA%B5%AD%201.jpg", ok(&photo(64, 64))),
        ("/403", Page::Bytes(status(403, ""))),
        ("/1?a=1&amp;b=2", Page::Bytes(status(404, ""))),
    ])
    .await;
    let api = api(&origin.base).await;
    assert_eq!(api.post_url(&origin.url("/a")).await.status, 200);
    assert_eq!(
        api.post_url(&format!(" {}\n", origin.url("/a")))
            .await
            .status,
        200,
        "whatever is around it"
    );
    for (url, hint) in [
        (origin.url("/403"), "--fetch-contact"),
        (origin.url("/1?a=1&amp;b=2"), "`&amp;`"),
        (origin.url("/a b.jpg"), "%20"),
        ("www.example.com/cat.jpg".to_owned(), "`https://`"),
        ("data:image/png;base64,AAAA".to_owned(), "`image.content`"),
    ] {
        let reply = api.post_url(&url).await;
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(hint), "{url}: {detail}");
    }
    api.finish().await;
}

/// What to do with a request: its head, its number on its connection, and its number of all.
type Script = fn(&str, usize, usize) -> Act;

enum Act {
    Answer(Vec<u8>),
    /// As if the connection had been closed in that moment.
    Close,
    AnswerAndClose(Vec<u8>),
}

async fn scripted(script: Script) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let all = Arc::<AtomicUsize>::default();
    let counted = all.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let all = counted.clone();
            tokio::spawn(async move {
                for on_connection in 0.. {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    match script(&head, on_connection, all.fetch_add(1, SeqCst)) {
                        Act::Answer(bytes) => stream.write_all(&bytes).await.unwrap(),
                        Act::Close => return,
                        Act::AnswerAndClose(bytes) => {
                            let _ = stream.write_all(&bytes).await;
                            let _ = stream.shutdown().await;
                            return;
                        }
                    }
                }
            });
        }
    });
    (base, all)
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn a_cookie_lives_in_its_chain_of_redirects() {
    let (base, all) = scripted(|head, _, _| {
        if head.contains("cookie: seen=1") {
            return Act::Answer(answer("200 OK", "", &photo(64, 64)));
        }
        Act::Answer(answer(
            "302 Found",
            "location: /a.jpg\r\nset-cookie: seen=1; Path=/\r\n",
            b"",
        ))
    })
    .await;
    let api = api(&base).await;
    for _ in 0..2 {
        assert_eq!(api.post_url(&format!("{base}/a.jpg")).await.status, 200);
    }
    assert_eq!(
        all.load(SeqCst),
        4,
        "nothing is kept from one image to the next"
    );
    api.finish().await;
}

#[tokio::test]
async fn a_connection_that_dies_as_the_request_leaves_costs_nobody_an_image() {
    let (base, all) = scripted(|_, on_connection, _| match on_connection {
        0 => Act::Answer(answer("200 OK", "", &photo(64, 64))),
        _ => Act::Close,
    })
    .await;
    let api = api(&base).await;
    for number in 0..6 {
        let reply = api.post_url(&format!("{base}/{number}.jpg")).await;
        assert_eq!(reply.status, 200, "{number}: {}", reply.json);
    }
    assert!((7..=12).contains(&all.load(SeqCst)), "{all:?}");
    assert!(api.metric("tagfleet_fetch_retried_total").await >= 1.0);
    api.finish().await;
}

#[tokio::test]
async fn a_host_that_has_waited_too_long_is_asked_anew() {
    let (base, all) = scripted(|head, on_connection, _| {
        let late = answer("408 Request Timeout", "connection: close\r\n", b"");
        match on_connection {
            0 if !head.contains("/always") => Act::Answer(answer("200 OK", "", &photo(64, 64))),
            _ => Act::AnswerAndClose(late),
        }
    })
    .await;
    let api = api(&base).await;
    for number in 0..4 {
        let reply = api.post_url(&format!("{base}/{number}.jpg")).await;
        assert_eq!(reply.status, 200, "{number}: {}", reply.json);
    }
    assert!(all.load(SeqCst) > 4, "{all:?}");
    let reply = api.post_url(&format!("{base}/always.jpg")).await;
    reply.is_problem(422, "source_http_error");
    assert_eq!(reply.json["retryable"], true);
    api.finish().await;
}

#[tokio::test]
async fn a_body_ends_with_its_length_also_where_an_encoding_that_is_none_is_named() {
    let (base, _) = scripted(|head, _, _| {
        let identity = "transfer-encoding: identity\r\n";
        let whole = answer("200 OK", identity, &photo(64, 64));
        match head.contains("/short") {
            true => Act::AnswerAndClose(whole[..whole.len() - 100].to_vec()),
            false => Act::Answer(whole),
        }
    })
    .await;
    let api = api(&base).await;
    let reply = api.post_url(&format!("{base}/whole.jpg")).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let short = api.post_url(&format!("{base}/short.jpg")).await;
    short.is_problem(422, "source_incomplete");
    api.finish().await;
}

#[tokio::test]
async fn a_part_that_nobody_asked_for_is_no_whole_file() {
    let (base, _) = scripted(|head, _, _| {
        let file = photo(64, 64);
        let total = file.len();
        let tag = match head.contains("/untagged") {
            true => "",
            false => "etag: \"a\"\r\n",
        };
        let (first, end) = match head.contains("range: bytes=500-") {
            true => (500, total),
            false if head.contains("/whole") => (0, total),
            false if head.contains("/middle") => (100, total),
            false => (0, 500),
        };
        let range = format!("content-range: bytes {first}-{}/{total}\r\n{tag}", end - 1);
        let sent = match head.contains("/short") && first == 500 {
            true => &file[first..first + 10],
            false => &file[first..end],
        };
        Act::Answer(answer("206 Partial Content", &range, sent))
    })
    .await;
    let api = api(&base).await;
    for path in ["/tagged.jpg", "/whole.jpg"] {
        let reply = api.post_url(&format!("{base}{path}")).await;
        assert_eq!(
            (reply.status, &reply.json["image"]["bytes"]),
            (200, &json!(photo(64, 64).len())),
            "{path}: {}",
            reply.json
        );
    }
    for path in ["/untagged.jpg", "/middle.jpg", "/short.jpg"] {
        let reply = api.post_url(&format!("{base}{path}")).await;
        reply.is_problem(422, "source_incomplete");
        assert_eq!(reply.json["retryable"], true);
    }
    api.finish().await;
}

#[tokio::test]
async fn a_host_that_never_answers_is_asked_once() {
    let (base, all) = scripted(|_, _, _| Act::Close).await;
    let api = api(&base).await;
    let reply = api.post_url(&format!("{base}/a.jpg")).await;
    reply.is_problem(422, "source_incomplete");
    assert_eq!(reply.json["retryable"], true);
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(detail.contains("took the connection"), "{detail}");
    assert_eq!(all.load(SeqCst), 1);
    api.finish().await;
}

#[tokio::test]
async fn heads_that_browsers_overlook_are_overlooked() {
    let (base, _) = scripted(|head, _, _| {
        let odd = match head.split(' ').nth(1).unwrap() {
            "/many" => "x-policy: 1\r\n".repeat(200),
            "/folded" => "x-policy: 1,\r\n 2\r\n".to_owned(),
            "/blank" => "x-policy : 1\r\n".to_owned(),
            "/no-colon" => "policy\r\n".to_owned(),
            "/nowhere" => return Act::Answer(answer("302 Found", "", b"")),
            "/odd" => return Act::Answer(answer("302 Found", "location: http://[\r\n", b"")),
            other => panic!("{other}"),
        };
        Act::Answer(answer("200 OK", &odd, &photo(64, 64)))
    })
    .await;
    let api = api(&base).await;
    for path in ["/many", "/folded", "/blank", "/no-colon"] {
        let reply = api.post_url(&format!("{base}{path}")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.json);
    }
    for (path, why) in [
        ("/nowhere", "named no place to go to"),
        ("/odd", "its `Location` is no URL"),
    ] {
        let reply = api.post_url(&format!("{base}{path}")).await;
        reply.is_problem(422, "source_http_error");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    api.finish().await;
}

/// A photo of half a MiB and more: what is behind its end is read by nobody.
fn large() -> Vec<u8> {
    let mut file = photo(64, 64);
    file.resize(600 << 10, 0);
    file
}

#[tokio::test]
async fn a_large_file_that_breaks_off_is_gone_on_with_once() {
    let (base, all) = scripted(|head, _, _| {
        let file = large();
        let half = 300 << 10;
        let total = file.len();
        let tagged = match head.contains("/weak.jpg") {
            true => "etag: W/\"a\"\r\n",
            false => "etag: \"a\"\r\n",
        };
        let range = format!("range: bytes={half}-");
        if head.contains(&range) && head.contains("if-range: \"a\"") {
            let range = format!("content-range: bytes {half}-{}/{total}\r\n", total - 1);
            return Act::Answer(answer("206 Partial Content", &range, &file[half..]));
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n{tagged}\r\n");
        Act::AnswerAndClose([head.as_bytes(), &file[..half]].concat())
    })
    .await;
    let api = api(&base).await;
    let reply = api.post_url(&format!("{base}/strong.jpg")).await;
    assert_eq!(
        (reply.status, &reply.json["image"]["bytes"]),
        (200, &json!(600 << 10)),
        "{}",
        reply.json
    );
    assert_eq!(all.load(SeqCst), 2);
    api.post_url(&format!("{base}/weak.jpg"))
        .await
        .is_problem(422, "source_incomplete");
    assert_eq!(all.load(SeqCst), 3, "it may be another file by now");
    api.finish().await;
}

#[tokio::test]
async fn many_images_of_untold_length_are_slow_and_right() {
    let (base, _) = scripted(|_, _, _| {
        let mut file = photo(64, 64);
        file.resize(2 << 20, 0);
        let head = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
            file.len()
        );
        Act::Answer([head.as_bytes(), &file, b"\r\n0\r\n\r\n"].concat())
    })
    .await;
    let api = api(&base).await;
    let asked = (0..40).map(|number| {
        let api = &api;
        let url = format!("{base}/{number}.jpg");
        async move { api.post_url(&url).await.status }
    });
    let statuses = futures_util::future::join_all(asked).await;
    let well = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(well, 40, "{statuses:?}");
    api.finish().await;
}

#[tokio::test]
async fn the_operator_learns_why_and_the_client_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let api = api(&base).await;
    let refused = api.post_url(&format!("{base}/a.jpg")).await;
    refused.is_problem(422, "source_unreachable");
    let unknown = api.post_url("http://nobody.invalid/a.jpg").await;
    assert_eq!(unknown.json["detail"], refused.json["detail"]);
    assert!(
        api.metric("tagfleet_fetch_unreachable_total{cause=\"refused\"}")
            .await
            >= 1.0
    );
    let metrics = api.get("/metrics").await.json;
    let dns = metrics.as_str().unwrap().lines().any(|line| {
        line.starts_with("tagfleet_fetch_unreachable_total{cause=\"dns") && !line.ends_with(" 0")
    });
    assert!(dns, "a cause of its own");
    api.finish().await;
}
