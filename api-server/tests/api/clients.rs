//! Clients as they are: browsers on other origins, languages whose whole numbers are fractions, tools that pack and probe.

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use serde_json::{Value, json};
use testing::pictures::photo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

async fn sent(api: &Harness, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
    let request = api.client.post(api.url(path)).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    Reply::read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn base64_is_read_in_all_the_forms_in_which_clients_have_it() {
    let api = Harness::start().await;
    let base64 = BASE64_STANDARD.encode(photo(64, 64));
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    for content in [
        format!("data:image/jpeg;base64,{base64}"),
        base64
            .replace('+', "-")
            .replace('/', "_")
            .trim_end_matches('=')
            .to_owned(),
        lines.join("\r\n"),
    ] {
        let reply = api.post_json(json!({"image": {"content": content}})).await;
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    api.finish().await;
}

#[tokio::test]
async fn packed_requests_are_unpacked_within_the_bodys_bound() {
    let api = Harness::with(&["--max-body-bytes", "200000"], Behaviour::Answer).await;
    let body = json!({"image": {"content": BASE64_STANDARD.encode(photo(64, 64))}}).to_string();
    macro_rules! packed {
        ($encoder:ident, $plain:expr) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all($plain).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    for (encoding, packed) in [
        ("gzip", packed!(GzipEncoder, body.as_bytes())),
        ("zstd", packed!(ZstdEncoder, body.as_bytes())),
        ("br", packed!(BrotliEncoder, body.as_bytes())),
    ] {
        let headers = [
            ("content-type", "application/json"),
            ("content-encoding", encoding),
        ];
        let reply = sent(&api, "/v1/tags", &headers, packed).await;
        assert_eq!(reply.status, 200, "{encoding}: {}", reply.json);
    }
    let image = [("content-type", "image/jpeg"), ("content-encoding", "gzip")];
    assert_eq!(
        sent(
            &api,
            "/v1/tags",
            &image,
            packed!(GzipEncoder, &photo(64, 64))
        )
        .await
        .status,
        200
    );
    let bomb = packed!(GzipEncoder, &vec![b' '; 1 << 20]);
    sent(&api, "/v1/tags", &image, bomb)
        .await
        .is_problem(413, "body_too_large");
    let broken = sent(&api, "/v1/tags", &image, b"no gzip".to_vec()).await;
    broken.is_problem(400, "invalid_request");
    assert!(
        broken.json["detail"].as_str().unwrap().contains("gzip"),
        "{}",
        broken.json
    );
    let twice = [
        ("content-type", "image/jpeg"),
        ("content-encoding", "gzip, gzip"),
    ];
    sent(&api, "/v1/tags", &twice, vec![])
        .await
        .is_problem(415, "unsupported_media_type");
    api.finish().await;
}

#[tokio::test]
async fn whole_numbers_may_be_written_as_fractions() {
    let api = Harness::start().await;
    let image = BASE64_STANDARD.encode(photo(64, 64));
    for options in [
        json!({"limit": 5.0}),
        json!({"limit": 5e0, "timeout_ms": 5000.0}),
        json!({"threshold": 0}),
    ] {
        let mut body = options.clone();
        body["image"] = json!({"content": image});
        assert_eq!(api.post_json(body).await.status, 200, "{options}");
    }
    for (options, said) in [
        (json!({"limit": 5.5}), "`limit` must be a whole number"),
        (json!({"limit": "5"}), "and is text"),
        (json!({"timeout_ms": -1}), "`timeout_ms`"),
        (json!({"features": ["smell"]}), "`smell`"),
        (json!({"include": "cat"}), "an array"),
        (json!({"nothing": 1}), "no `nothing` here"),
    ] {
        let mut body = options.clone();
        body["image"] = json!({"content": image});
        let reply = api.post_json(body).await;
        reply.is_problem(400, "invalid_request");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains(said), "{options}: {detail}");
        assert!(
            !detail.contains("expected") && !detail.contains("invalid type"),
            "{detail}"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn what_curl_says_of_everything_is_seen_for_what_it_is() {
    let api = Harness::start().await;
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(
        sent(&api, "/v1/tags", &curl, photo(64, 64)).await.status,
        200
    );
    let json = json!({"image": {"content": BASE64_STANDARD.encode(photo(64, 64))}}).to_string();
    assert_eq!(
        sent(&api, "/v1/tags", &curl, json.clone().into_bytes())
            .await
            .status,
        200
    );
    assert_eq!(
        sent(&api, "/v1/tags", &[], json.into_bytes()).await.status,
        200
    );
    sent(&api, "/v1/tags", &curl, b"limit=5".to_vec())
        .await
        .is_problem(415, "unsupported_media_type");
    api.finish().await;
}

async fn asked(
    api: &Harness,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let request = api.client.request(method, api.url(path));
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.send().await.unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_path_tells_its_methods_and_a_final_slash_is_nothing() {
    let api = Harness::start().await;
    let batch = format!("/v1/batches/batch_{}", "0".repeat(32));
    for (path, methods) in [
        ("/v1/tags", vec!["POST"]),
        ("/v1/models", vec!["GET", "HEAD"]),
        ("/v1/batches", vec!["GET", "HEAD", "POST"]),
        (&batch, vec!["GET", "HEAD"]),
        (&format!("{batch}/retry"), vec!["POST"]),
        ("/healthz", vec!["GET", "HEAD"]),
        ("/", vec!["GET", "HEAD"]),
    ] {
        let options = asked(&api, Method::OPTIONS, path, &[]).await;
        assert_eq!(options.status(), 204, "{path}");
        let mut allowed: Vec<_> = header(&options, "allow")
            .split(',')
            .map(str::trim)
            .collect();
        allowed.sort_unstable();
        assert_eq!(allowed, methods, "{path}");
        let deleted = asked(&api, Method::DELETE, path, &[]).await;
        assert_eq!(
            (
                deleted.status().as_u16(),
                header(&deleted, "allow").is_empty()
            ),
            (405, false),
            "{path}"
        );
    }
    assert_eq!(
        asked(&api, Method::HEAD, "/v1/models", &[]).await.status(),
        200
    );
    assert_eq!(
        asked(&api, Method::HEAD, "/v1/tags", &[]).await.status(),
        405
    );
    assert_eq!(api.get("/v1/models/").await.status, 200);
    let image = [("content-type", "image/jpeg")];
    assert_eq!(
        sent(&api, "/v1/tags/?limit=3", &image, photo(64, 64))
            .await
            .status,
        200
    );
    api.finish().await;
}

#[tokio::test]
async fn pages_of_other_origins_may_call_where_the_operator_says_so() {
    let preflight = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "content-type,authorization",
        ),
    ];
    let api = Harness::start().await;
    let closed = asked(&api, Method::OPTIONS, "/v1/tags", &preflight).await;
    assert_eq!(
        header(&closed, "access-control-allow-origin"),
        "",
        "nobody by default"
    );
    api.finish().await;

    let api = Harness::with(
        &["--cors-allow-origin", "https://shop.example"],
        Behaviour::Answer,
    )
    .await;
    let open = asked(&api, Method::OPTIONS, "/v1/tags", &preflight).await;
    assert_eq!(
        header(&open, "access-control-allow-origin"),
        "https://shop.example"
    );
    assert!(header(&open, "access-control-allow-headers").contains("authorization"));
    let other = asked(
        &api,
        Method::OPTIONS,
        "/v1/tags",
        &[("origin", "https://evil.example"), preflight[1]],
    )
    .await;
    assert_eq!(header(&other, "access-control-allow-origin"), "");
    let answered = asked(&api, Method::GET, "/v1/models", &preflight[..1]).await;
    assert_eq!(
        header(&answered, "access-control-allow-origin"),
        "https://shop.example"
    );
    let exposed = header(&answered, "access-control-expose-headers");
    assert_documented(&api.get("/openapi.json").await.json, &open, exposed);
    api.finish().await;
    let said = Harness::fails(&["--cors-allow-origin", "https://shop.example/page"]).await;
    assert!(said.contains("--cors-allow-origin"), "{said}");
}

/// Whatever the document tells of methods and headers has to be there for pages of other origins too.
fn assert_documented(document: &Value, preflight: &reqwest::Response, exposed: &str) {
    let methods = header(preflight, "access-control-allow-methods").to_lowercase();
    let allowed = header(preflight, "access-control-allow-headers");
    let is_in = |list: &str, name: &str| list.split(',').any(|one| one.trim() == name);
    let paths = document["paths"].as_object().unwrap();
    for (method, operation) in paths.values().flat_map(|path| path.as_object().unwrap()) {
        assert!(is_in(&methods, method), "{method}");
        let parameters = operation["parameters"].as_array();
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            assert!(
                parameter["in"] != "header" || is_in(allowed, name),
                "{name}"
            );
        }
        for answer in operation["responses"].as_object().unwrap().values() {
            let headers = answer["headers"].as_object();
            for name in headers.into_iter().flat_map(|headers| headers.keys()) {
                assert!(is_in(exposed, name), "{name}");
            }
        }
    }
    // Those that the document tells of in words alone.
    for name in [
        "authorization",
        "if-none-match",
        "traceparent",
        "x-request-id",
    ] {
        assert!(is_in(allowed, name), "{name}");
    }
}

#[tokio::test]
async fn bodies_come_in_every_way_that_http_has() {
    let api = Harness::start().await;
    let photo = photo(64, 64);
    // Chunked, and after the server has said that it wants it.
    let address = api.base.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = "POST /v1/tags HTTP/1.1\r\nhost: a\r\ncontent-type: image/jpeg\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    for chunk in photo.chunks(1000) {
        stream
            .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
            .await
            .unwrap();
        stream.write_all(&[chunk, b"\r\n"].concat()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // HTTP/2 without having asked for it.
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let sent = client
        .post(api.url("/v1/tags"))
        .header("content-type", "image/jpeg")
        .body(photo)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (sent.version(), sent.status().as_u16()),
        (http::Version::HTTP_2, 200)
    );
    let body: Value = sent.json().await.unwrap();
    assert_eq!(body["image"]["width"], 64);
    api.finish().await;
}
