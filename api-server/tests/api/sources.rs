//! URLs and files that are refused, by the table of abuse.

use std::{sync::atomic::Ordering, time::Duration};

use image::ImageFormat;

use crate::{
    harness::Harness,
    names::Answers,
    origin::{Origin, Page, Trap, ok, redirect, status, with_headers},
    pictures,
    worker::Behaviour,
};

#[tokio::test]
async fn urls_that_are_not_valid_get_400() {
    let api = Harness::start().await;
    let long = format!("http://example.com/{}", "a".repeat(9_000));
    let urls = [
        "",
        "cat.jpg",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/",
        "data:image/png;base64,AA",
        "javascript:alert(1)",
        "http://user:password@example.com/",
        "http://example.com:22/",
        "http://example.com:6379/",
        &long,
        "http://example.com/a\r\nb",
        "http://example.com/\0",
        "http://exa mple.com/",
        "http:\\\\example.com\\",
        "http://xn--a/",
    ];
    for url in urls {
        api.post_url(url).await.is_problem(400, "invalid_url");
    }
    api.finish().await;
}

#[tokio::test]
async fn nothing_connects_to_an_address_that_is_not_public() {
    let trap = Trap::start().await;
    let port = trap.port;
    let hops = [
        ("/literal", redirect(&format!("http://127.0.0.1:{port}/"))),
        ("/name", redirect(&format!("http://localhost:{port}/"))),
        ("/metadata", redirect("http://169.254.169.254/latest/meta-data/")),
        ("/file", redirect("file:///etc/passwd")),
        ("/port", redirect("http://example.com:22/")),
        ("/nowhere", Page::Bytes(status(302, ""))),
    ];
    let origin = Origin::start(hops).await;
    let args = ["--fetch-ports", &format!("80,443,{port}"), "--fetch-allow-origin", &origin.base];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let hosts = [
        "127.0.0.1",
        "localhost",
        "localhost.",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::1]",
        "[2606:4700::5efe:7f00:1]",
        "１２７.０.０.１",
        "10.0.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
    ];
    let mut answers = Vec::new();
    for host in hosts {
        answers.push(api.post_url(&format!("http://{host}:{port}/cat.jpg")).await);
    }
    for path in ["/literal", "/name", "/metadata", "/file", "/port", "/nowhere"] {
        answers.push(api.post_url(&origin.url(path)).await);
    }
    for reply in &answers {
        reply.is_problem(422, "source_unreachable");
        assert_eq!(reply.json["detail"], answers[0].json["detail"], "all alike, so that nothing is learnt");
    }
    assert!(trap.is_untouched().await);
    api.finish().await;
}

#[tokio::test]
async fn one_private_address_among_the_answers_refuses_the_name() {
    for addresses in
        [vec!["127.0.0.1"], vec!["8.8.8.8", "127.0.0.1"], vec!["127.0.0.1", "8.8.8.8"], vec!["::1"], vec![]]
    {
        let trap = Trap::start().await;
        let port = trap.port.to_string();
        let names = Answers::new(vec![addresses]);
        let api = Harness::with_names(&["--fetch-ports", &port], Behaviour::Answer, names).await;
        api.post_url(&format!("http://cat.example:{port}/")).await.is_problem(422, "source_unreachable");
        assert!(trap.is_untouched().await);
        api.finish().await;
    }
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let trap = Trap::start().await;
    let port = trap.port.to_string();
    // Unassigned, though routable by its prefix: the first answer passes and leads nowhere.
    let names = Answers::new(vec![vec!["2000::1"], vec!["127.0.0.1"]]);
    let args = ["--fetch-ports", &port, "--fetch-connect-timeout-ms", "300"];
    let api = Harness::with_names(&args, Behaviour::Answer, names.clone()).await;
    api.post_url(&format!("http://cat.example:{port}/")).await.is_problem(422, "source_unreachable");
    assert_eq!(names.given.load(Ordering::SeqCst), 1, "looked up once, and connected to that");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    api.post_url(&format!("http://cat.example:{port}/")).await.is_problem(422, "source_unreachable");
    assert_eq!(names.given.load(Ordering::SeqCst), 2, "its time to live was over, and the new answer was judged too");
    assert!(trap.is_untouched().await);
    api.finish().await;
}

#[tokio::test]
async fn origins_that_misbehave_have_codes_of_their_own() {
    let file = pictures::jpeg(640, 480);
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nonly this".to_vec();
    let large = b"HTTP/1.1 200 OK\r\nContent-Length: 99000000\r\n\r\n".to_vec();
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes();
    let pages = [
        ("/500", Page::Bytes(status(500, ""))),
        ("/304", Page::Bytes(status(304, ""))),
        ("/loop", redirect("/loop")),
        ("/silent", Page::Silent),
        ("/drip", Page::Drip(100_000)),
        ("/head-drip", Page::DripHead),
        ("/1xx", Page::Informs),
        ("/endless", Page::Endless),
        ("/large", Page::Bytes(large)),
        ("/short", Page::Bytes(short)),
        ("/gzip", with_headers("Content-Encoding: gzip\r\n", &file)),
        ("/empty", ok(b"")),
        ("/html.jpg", ok(b"<!doctype html><title>Not found</title>")),
        ("/truncated.jpg", ok(&file[..file.len() / 2])),
        ("/head", Page::Bytes(head)),
        ("/garbage", Page::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
    ];
    let origin = Origin::start(pages).await;
    let args = [
        "--fetch-allow-origin",
        &origin.base,
        "--fetch-first-byte-timeout-ms",
        "300",
        "--fetch-timeout-ms",
        "600",
        "--fetch-max-bytes",
        "1000000",
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let expected = [
        ("/404", "source_http_error", false),
        ("/500", "source_http_error", true),
        ("/304", "source_http_error", false),
        ("/loop", "too_many_redirects", false),
        ("/silent", "source_timeout", true),
        ("/drip", "source_timeout", true),
        ("/head-drip", "source_timeout", true),
        ("/304", "source_http_error", false),
        ("/1xx", "source_timeout", true),
        ("/endless", "source_too_large", false),
        ("/large", "source_too_large", false),
        ("/short", "source_incomplete", true),
        ("/gzip", "unsupported_encoding", false),
        ("/empty", "empty_image", false),
        ("/html.jpg", "unsupported_format", false),
        ("/truncated.jpg", "image_truncated", false),
        ("/head", "source_unreachable", false),
        ("/garbage", "source_unreachable", false),
    ];
    for (path, code, retryable) in expected {
        let reply = api.post_url(&origin.url(path)).await;
        reply.is_problem(422, code);
        assert_eq!(reply.json["retryable"], retryable, "{path}");
    }
    assert!(api.worker.jobs.lock().unwrap().is_empty(), "no worker was bothered");
    api.finish().await;
}

/// A PNG that claims a size and holds no pixels.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = pictures::encoded(1, 1, ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    let fold = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    };
    !bytes.iter().fold(!0, fold)
}

#[tokio::test]
async fn images_that_are_none_have_codes_of_their_own() {
    let api = Harness::start().await;
    let jpeg = pictures::jpeg(640, 480);
    let png = pictures::encoded(64, 64, ImageFormat::Png);
    let mut bad_crc = png.clone();
    bad_crc[30] ^= 1;
    let files: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "empty_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "unsupported_format"),
        (b"PK\x03\x04rest".to_vec(), "unsupported_format"),
        (b"\x76\x2f\x31\x01rest".to_vec(), "unsupported_format"),
        (b"BMW, a car maker, not a bitmap".to_vec(), "unsupported_format"),
        (png_header(100_000, 100_000), "image_too_large"),
        (png_header(16_384, 16_384), "image_too_large"),
        (png_header(1, 65_535), "bad_aspect"),
        (png_header(0, 0), "image_invalid"),
        (bad_crc, "image_invalid"),
        (png[..png.len() / 2].to_vec(), "image_truncated"),
        (jpeg[..jpeg.len() - 200].to_vec(), "image_truncated"),
        (jpeg[..300].to_vec(), "image_truncated"),
        (vec![0xff, 0xd8, 0xff, 0xe0], "image_truncated"),
        ([b"\xff\xd8\xff\xe0\x00\x10".as_slice(), &[7; 500], b"\xff\xd9"].concat(), "image_invalid"),
    ];
    for (n, (file, code)) in files.into_iter().enumerate() {
        let reply = api.post_raw("/v1/tags", "image/jpeg", file).await;
        assert_eq!((reply.status, &reply.json["code"]), (422, &code.into()), "file {n}: {}", reply.json);
    }
    api.finish().await;
}
