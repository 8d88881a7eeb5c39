//! Lists on their way in: long, compressed, broken, sent again.

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use testing::servers::eventually;
use tokio::io::AsyncWriteExt;

use crate::{
    batches::{ended, items, outcomes, started},
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

fn ndjson(album: &Album, count: usize) -> String {
    let line = |n| {
        json!({"custom_id": format!("c{n}"), "url": album.url(&format!("good-{}", n % 10))})
            .to_string()
    };
    (0..count).map(|n| line(n) + "\n").collect()
}

async fn post(api: &Harness, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Reply {
    // Options of a JSON body stand in it.
    let path = match headers.contains(&JSON) {
        true => "/v1/batches",
        false => "/v1/batches?features=tags",
    };
    let request = api.client.post(api.url(path)).body(body);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    Reply::read(request.send().await.unwrap()).await
}

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn lines_come_in_as_they_are_and_compressed() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "40"], Behaviour::Look).await;
    let text = ndjson(&album, 100) + "\n   \n";
    let mut gzip = GzipEncoder::new(Vec::new());
    gzip.write_all(text.as_bytes()).await.unwrap();
    gzip.shutdown().await.unwrap();
    let mut zstd = ZstdEncoder::new(Vec::new());
    zstd.write_all(text.as_bytes()).await.unwrap();
    zstd.shutdown().await.unwrap();
    for (encoding, body) in [
        ("identity", text.into_bytes()),
        ("gzip", gzip.into_inner()),
        ("zstd", zstd.into_inner()),
    ] {
        let reply = post(&api, &[LINES, ("content-encoding", encoding)], body).await;
        assert_eq!(
            (reply.status, &reply.json["request_counts"]["total"]),
            (202, &json!(100)),
            "{}",
            reply.json
        );
        let id = reply.json["id"].as_str().unwrap();
        assert_eq!(ended(&api, id).await["status"], "completed");
        let told = outcomes(&api, id).await;
        assert!(
            told.len() == 100 && told.values().all(|code| code == "ok"),
            "{encoding}"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_list_is_said_and_nothing_is_begun() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "2"], Behaviour::Look).await;
    let good = ndjson(&album, 5);
    let long = format!(
        "{{\"custom_id\":\"c\",\"url\":\"http://a.example/{}\"}}",
        "a".repeat(20_000)
    );
    for (line, what) in [
        ("nonsense", "not a JSON object"),
        ("{\"custom_id\":\"c\"}", "it has no `url`"),
        ("{\"custom_id\":\"c0\",\"url\":\"u\"}", "an earlier row"),
        ("[]", "an array"),
    ] {
        let sent = api
            .client
            .post(api.url("/v1/batches?features=tags&strict=true"))
            .header(LINES.0, LINES.1)
            .body(format!("{good}{line}\n"))
            .send();
        let reply = Reply::read(sent.await.unwrap()).await;
        reply.is_problem(400, "invalid_request");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("row 6: ") && detail.contains(what),
            "{detail}"
        );
    }
    for (headers, body, status, code) in [
        (vec![LINES], long.as_bytes(), 400, "invalid_request"),
        (vec![LINES], b"\xff\xfe\n", 400, "invalid_request"),
        (vec![LINES], b"\n\n", 400, "invalid_request"),
        (
            vec![LINES, ("content-encoding", "gzip")],
            b"no gzip",
            400,
            "invalid_request",
        ),
        (
            vec![LINES, ("content-encoding", "deflate")],
            b"",
            415,
            "unsupported_media_type",
        ),
        (
            vec![("content-type", "text/csv")],
            b"",
            400,
            "invalid_request",
        ),
        (
            vec![("content-type", "application/vnd.apache.parquet")],
            b"PAR1",
            415,
            "unsupported_media_type",
        ),
        (vec![JSON], br#"{"items":[]}"#, 400, "invalid_request"),
        (
            vec![JSON],
            br#"{"strict":true,"items":[{"custom_id":"c","url":"u"},{"custom_id":"c","url":"v"}]}"#,
            400,
            "invalid_request",
        ),
        (
            vec![JSON],
            br#"{"items":[{"custom_id":"c","url":"u"}],"limit":0}"#,
            400,
            "invalid_request",
        ),
        (
            vec![JSON],
            br#"{"items":[{"custom_id":"c","url":"u"}],"model":"none"}"#,
            404,
            "model_not_found",
        ),
    ] {
        post(&api, &headers, body.to_vec())
            .await
            .is_problem(status, code);
    }
    let reply = api.get("/v1/batches").await;
    assert_eq!(
        (reply.status, &reply.json["data"]),
        (200, &json!([])),
        "nothing was begun"
    );
    assert_eq!(album.all_hits(), 0);
    api.finish().await;
}

#[tokio::test]
async fn an_inline_list_has_a_longest_length() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-max-inline-items", "10"], Behaviour::Look).await;
    let item = |n: usize| json!({"custom_id": n.to_string(), "url": album.url("good-1")});
    let body = |count| json!({"items": (0..count).map(item).collect::<Vec<Value>>()}).to_string();
    post(&api, &[JSON], body(11))
        .await
        .is_problem(413, "body_too_large");
    let reply = post(&api, &[JSON], body(10)).await;
    assert_eq!(reply.status, 202);
    ended(&api, reply.json["id"].as_str().unwrap()).await;
    assert_eq!(album.all_hits(), 1, "ten items of one URL are one download");
    api.finish().await;
}

#[tokio::test]
async fn a_key_makes_one_batch_however_often_it_is_sent() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let key = ("idempotency-key", "monday");
    let body = json!({"items": items(&album, &["a", "b"])}).to_string();
    let first = post(&api, &[JSON, key], body.clone()).await;
    let id = first.json["id"].as_str().unwrap();
    for _ in 0..2 {
        let again = post(&api, &[JSON, key], body.clone()).await;
        assert_eq!((again.status, again.json["id"].as_str()), (202, Some(id)));
    }
    let others = [
        json!({"items": items(&album, &["a"])}),
        json!({"items": items(&album, &["a", "c"])}),
        json!({"items": items(&album, &["a", "b"]), "limit": 3}),
    ];
    for other in others {
        post(&api, &[JSON, key], other.to_string())
            .await
            .is_problem(422, "idempotency_mismatch");
    }
    assert_ne!(
        post(&api, &[JSON, ("idempotency-key", "tuesday")], body)
            .await
            .json["id"],
        id
    );
    ended(&api, id).await;
    let all = api.get("/v1/batches").await.json["data"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(all, 2);
    eventually("both are done", async || {
        let batches = api.get("/v1/batches").await.json;
        batches["data"]
            .as_array()?
            .iter()
            .all(|batch| batch["status"] == "completed")
            .then_some(())
    })
    .await;
    api.finish().await;
}

#[tokio::test]
async fn a_broken_upload_goes_on_without_gap_or_double() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "10"], Behaviour::Look).await;
    let key = ("idempotency-key", "long list");
    let text = ndjson(&album, 75);
    // Half of it comes, then the client is gone.
    let gate = tokio::sync::oneshot::channel::<()>();
    let broken = text[..text.len() / 2].to_owned();
    let (open, shut) = gate;
    let pieces = stream::unfold((Some(broken), Some(shut)), async |(piece, shut)| {
        match (piece, shut) {
            (Some(piece), shut) => Some((Ok(Bytes::from(piece)), (None, shut))),
            (None, Some(shut)) => {
                let _ = shut.await;
                Some((Err(std::io::Error::other("gone")), (None, None)))
            }
            (None, None) => None,
        }
    });
    let request = api
        .client
        .post(api.url("/v1/batches?features=tags"))
        .header(LINES.0, LINES.1);
    let request = request
        .header(key.0, key.1)
        .body(reqwest::Body::wrap_stream(pieces));
    let upload = tokio::spawn(request.send());
    let status = async || {
        let batches = api.get("/v1/batches").await.json;
        batches["data"][0]["status"].as_str().map(str::to_owned)
    };
    let validating = async || (status().await? == "validating").then_some(());
    eventually("the first half is here", validating).await;
    post(&api, &[LINES, key], text.clone())
        .await
        .is_problem(409, "idempotency_in_flight");
    drop(open);
    assert!(upload.await.unwrap().is_err());
    let whole = eventually("the rest is taken", async || {
        let reply = post(&api, &[LINES, key], text.clone()).await;
        (reply.status == 202).then_some(reply.json)
    })
    .await;
    assert_eq!(whole["request_counts"]["total"], 75);
    let id = whole["id"].as_str().unwrap();
    assert_eq!(ended(&api, id).await["status"], "completed");
    assert_eq!(outcomes(&api, id).await.len(), 75);
    assert_eq!(
        api.get("/v1/batches").await.json["data"]
            .as_array()
            .unwrap()
            .len(),
        1,
        "it is the same batch"
    );
    api.finish().await;
}
