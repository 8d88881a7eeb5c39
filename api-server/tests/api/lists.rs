//! Lists as people have them: broken here and there, of every dialect, and sent in every way.

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::{
    batches::{create, ended, items, lines, started},
    harness::Harness,
    support::{album::Album, reply::Reply, worker::Behaviour},
};

async fn post(api: &Harness, query: &str, kind: &str, body: impl Into<Vec<u8>>) -> Reply {
    let path = format!("/v1/batches?features=tags{query}");
    api.post_raw(&path, kind, body.into()).await
}

async fn completed(api: &Harness, reply: &Reply) -> Value {
    assert_eq!(reply.status, 202, "{}", reply.json);
    let batch = ended(api, reply.json["id"].as_str().unwrap()).await;
    assert_eq!(batch["status"], "completed", "{batch}");
    batch
}

async fn errors(api: &Harness, batch: &Value) -> Vec<Value> {
    let id = batch["id"].as_str().unwrap();
    let mut errors = lines(api, &format!("/v1/batches/{id}/errors")).await;
    errors.sort_by_key(|line| line["line"].as_u64());
    errors
}

fn counts(total: u64, completed: u64, failed: u64) -> Value {
    json!({"total": total, "completed": completed, "failed": failed})
}

/// Curl says of every body that it is a form.
#[tokio::test]
async fn who_names_the_format_need_not_show_it() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let url = album.url("good-1");
    for (query, body) in [
        ("&format=csv&url_column=foto", format!("nr,foto\n1,{url}\n")),
        (
            "&format=text",
            format!("{}\n{url}\n", "# a comment\n".repeat(1_000)),
        ),
    ] {
        for kind in [
            "application/x-www-form-urlencoded",
            "application/octet-stream",
            "text/plain",
        ] {
            let sent = post(&api, query, kind, body.clone()).await;
            let batch = completed(&api, &sent).await;
            assert_eq!(batch["request_counts"]["completed"], 1, "{kind}: {batch}");
        }
    }
    api.finish().await;
}

#[tokio::test]
async fn a_list_that_is_called_another_one_is_what_it_is() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let url = album.url("good-1");
    for (kind, body) in [
        ("text/csv", format!("[{{\"url\": \"{url}\"}}]")),
        ("text/csv", format!("{{\"url\": \"{url}\"}}\n")),
        ("application/x-ndjson", format!("id,url\n1,{url}\n")),
        ("application/x-ndjson", format!("{url}\n")),
        (
            "application/x-www-form-urlencoded",
            format!("# mine\n{url}\n"),
        ),
    ] {
        let sent = post(&api, "", kind, body.clone()).await;
        let batch = completed(&api, &sent).await;
        assert_eq!(batch["request_counts"]["completed"], 1, "{kind}: {body}");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_bad_row_fails_alone_with_its_number_in_every_format() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "3"], Behaviour::Look).await;
    let url = |n: usize| album.url(&format!("good-{n}"));
    let csv = format!(
        "url,id\n{},a\n{},b,more\n{},\n{},d\n",
        url(0),
        url(1),
        url(2),
        url(3)
    );
    let ndjson = format!(
        "{}\n\n{{\"url\": nonsense}}\n{}\n{}\n",
        json!({"url": url(0), "id": 1}),
        json!({"url": url(1), "id": 3, "extra": true}),
        json!({"url": url(2)}),
    );
    let text = [
        url(0).as_bytes(),
        b"\n\xff\xfe\n",
        url(1).as_bytes(),
        b"\n",
        url(2).as_bytes(),
    ]
    .concat();
    for (kind, body) in [
        ("text/csv", csv.into_bytes()),
        ("application/x-ndjson", ndjson.into_bytes()),
        ("text/plain", text),
    ] {
        let reply = post(&api, "", kind, body.clone()).await;
        let batch = completed(&api, &reply).await;
        assert_eq!(batch["request_counts"], counts(4, 3, 1), "{kind}: {batch}");
        assert_eq!(batch["failures"]["by_code"], json!({"invalid_row": 1}));
        let error = &errors(&api, &batch).await[0];
        assert_eq!(
            (&error["line"], &error["custom_id"]),
            (&json!(2), &json!("2")),
            "{kind}"
        );
        assert_eq!(
            (&error["error"]["attempts"], &error["error"]["retryable"]),
            (&json!(0), &json!(false))
        );
        let message = error["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with("row 2: ") && message.contains("it is \""),
            "{message}"
        );
        assert_eq!(
            error["id"].as_str().unwrap().rsplit('_').next(),
            Some("2"),
            "one base"
        );
        assert!(batch["warnings"].to_string().contains("row 2: "), "{batch}");
        let strict = post(&api, "&strict=true", kind, body).await;
        strict.is_problem(400, "invalid_request");
        assert!(
            strict.json["detail"]
                .as_str()
                .unwrap()
                .starts_with("row 2: ")
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn items_of_a_json_body_follow_the_same_rules() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let good = album.url("good-1");
    let body = json!({"features": ["tags"], "items": [
        {"custom_id": 18_446_744_073_709_551_615_u64, "url": good},
        {"link": format!(" {good}\n"), "size": 3},
        {"id": "x"},
        {"id": "same", "url": good},
        {"id": "same", "url": good},
    ]});
    let body = body.to_string().into_bytes();
    let reply = api.post_raw("/v1/batches", "application/json", body).await;
    let batch = completed(&api, &reply).await;
    assert_eq!(batch["request_counts"], counts(5, 4, 1));
    let warnings = batch["warnings"].to_string();
    for told in ["`size`", "row 3", "\\\"same\\\" in row 5"] {
        assert!(warnings.contains(told), "{warnings}");
    }
    let id = batch["id"].as_str().unwrap();
    let done = lines(&api, &format!("/v1/batches/{id}/results")).await;
    let mut told: Vec<_> = done
        .iter()
        .map(|line| {
            (
                line["line"].as_u64().unwrap(),
                line["custom_id"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    told.sort();
    let expected = [
        (1, "18446744073709551615"),
        (2, "2"),
        (4, "same"),
        (5, "same"),
    ];
    assert_eq!(told, expected.map(|(line, id)| (line, id.to_owned())));
    api.finish().await;
}

#[tokio::test]
async fn an_array_of_objects_is_a_list_whatever_it_is_called() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let rows: Vec<_> = (0..3)
        .map(|n| json!({"id": format!("a{n}"), "url": album.url(&format!("good-{n}"))}))
        .collect();
    let compact = Value::from(rows.clone()).to_string();
    let scrapy = compact
        .replace("},{", "},\n{")
        .replace('[', "[\n")
        .replace(']', "\n]\n");
    let lines = rows
        .iter()
        .map(|row| format!("{row}\n"))
        .collect::<String>();
    let marked = format!("\u{feff}{compact}");
    for (kind, body) in [
        ("application/json", &compact),
        ("application/json", &lines),
        ("application/json", &marked),
        ("application/x-ndjson", &scrapy),
        ("application/octet-stream", &scrapy),
        ("text/plain", &compact),
    ] {
        let reply = post(&api, "", kind, body.clone()).await;
        let batch = completed(&api, &reply).await;
        assert_eq!(batch["request_counts"], counts(3, 3, 0), "{kind} {body}");
    }
    let cut = post(
        &api,
        "",
        "application/json",
        &compact.as_bytes()[..compact.len() - 1],
    )
    .await;
    cut.is_problem(400, "invalid_request");
    assert!(
        cut.json["detail"].to_string().contains("has no end"),
        "{}",
        cut.json
    );
    let body = json!({"features": ["tags"], "items": [album.url("good-0"), rows[1]]});
    let marked = format!("\u{feff}{body}").into_bytes();
    let reply = api
        .post_raw("/v1/batches", "application/json", marked)
        .await;
    let batch = completed(&api, &reply).await;
    assert_eq!(batch["request_counts"], counts(2, 2, 0));
    api.finish().await;
}

#[tokio::test]
async fn plain_text_is_a_list_whatever_its_first_line_says() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let text = format!(
        "# my list\n{}\n{}\n",
        album.url("good-0"),
        album.url("good-1")
    );
    let reply = post(&api, "", "text/plain", text).await;
    let batch = completed(&api, &reply).await;
    assert_eq!(batch["request_counts"], counts(3, 2, 1));
    assert_eq!(batch["failures"]["by_code"], json!({"invalid_url": 1}));
    let none = post(&api, "", "text/plain", "my list\nof nothing\n").await;
    none.is_problem(415, "unsupported_media_type");
    assert!(
        none.json["detail"].to_string().contains("begins with"),
        "{}",
        none.json
    );
    api.finish().await;
}

#[tokio::test]
async fn what_curl_sends_without_being_told_is_seen() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let curl = "application/x-www-form-urlencoded";
    let url = album.url("good-1");
    for body in [
        json!({"items": [{"custom_id": "a", "url": url}]}).to_string(),
        json!({"custom_id": "a", "url": url}).to_string() + "\n",
        format!("\u{feff}id;url\na;{url}\n"),
        format!("{url}\n"),
    ] {
        let reply = api
            .post_raw("/v1/batches", curl, body.clone().into_bytes())
            .await;
        assert_eq!(
            completed(&api, &reply).await["request_counts"],
            counts(1, 1, 0),
            "{body}"
        );
    }
    // As `curl -d @FILE` sends it: without line breaks.
    let lines = json!({"custom_id": "a", "url": url}).to_string().repeat(3);
    let reply = api.post_raw("/v1/batches", curl, lines.into_bytes()).await;
    reply.is_problem(400, "invalid_request");
    assert!(
        reply.json["detail"]
            .as_str()
            .unwrap()
            .contains("--data-binary")
    );
    for (query, list) in [
        ("", format!("{url}{url}")),
        ("?format=text", format!("{url}{url}")),
        ("", format!("url,id{url},1{url},2")),
    ] {
        let reply = post(&api, query, curl, list).await;
        reply.is_problem(400, "invalid_request");
        let detail = reply.json["detail"].as_str().unwrap();
        assert!(detail.contains("--data-binary"), "{detail}");
    }
    let reply = post(
        &api,
        "",
        "application/x-ndjson",
        r#"{"custom_id":"1","method":"POST","url":"/v1/x","body":{}}"#,
    )
    .await;
    reply.is_problem(400, "invalid_request");
    assert!(reply.json["detail"].as_str().unwrap().contains("OpenAI"));
    api.finish().await;
}

#[tokio::test]
async fn lists_come_in_utf16_and_packed_in_every_way() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let csv = format!("id;url\n\u{e9}1;{}\n", album.url("good-1"));
    let wide = |swap: bool| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(csv.encode_utf16());
        units
            .flat_map(|unit| {
                if swap {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    let mut gzip = GzipEncoder::new(Vec::new());
    gzip.write_all(csv.as_bytes()).await.unwrap();
    gzip.shutdown().await.unwrap();
    let gzip = gzip.into_inner();
    for body in [
        wide(false),
        wide(true),
        format!("\u{feff}{csv}").into_bytes(),
        gzip,
    ] {
        let reply = post(&api, "", "text/csv", body).await;
        let batch = completed(&api, &reply).await;
        assert_eq!(batch["request_counts"], counts(1, 1, 0));
        let id = batch["id"].as_str().unwrap();
        let done = lines(&api, &format!("/v1/batches/{id}/results")).await;
        assert_eq!(done[0]["custom_id"], "\u{e9}1");
    }
    let body = json!({"items": items(&album, &["a"]), "features": ["tags"]}).to_string();
    let mut brotli = BrotliEncoder::new(Vec::new());
    brotli.write_all(body.as_bytes()).await.unwrap();
    brotli.shutdown().await.unwrap();
    let request = api
        .client
        .post(api.url("/v1/batches"))
        .header("content-type", "application/json");
    let sent = request
        .header("content-encoding", "br")
        .body(brotli.into_inner())
        .send()
        .await;
    completed(&api, &Reply::read(sent.unwrap()).await).await;
    api.finish().await;
}

#[tokio::test]
async fn what_failed_is_tried_again_as_a_batch_of_its_own() {
    let album = Album::start().await;
    let api = started(
        &album,
        &["--migrate-attempts", "1", "--batch-shard-items", "3"],
        Behaviour::Look,
    )
    .await;
    let mut list = items(
        &album,
        &[
            "a",
            "dead-1",
            "failing-1",
            "b",
            "failing-2",
            "broken-1",
            "c",
            "d",
        ],
    );
    list.as_array_mut()
        .unwrap()
        .push(json!({"custom_id": "no url"}));
    let id = create(
        &api,
        json!({"items": list, "features": ["tags"], "metadata": {"album": "7"}}),
    )
    .await;
    assert_eq!(ended(&api, &id).await["request_counts"], counts(9, 4, 5));
    let retry = async |query: &str, key: &str| {
        let request = api
            .client
            .post(api.url(&format!("/v1/batches/{id}/retry{query}")));
        Reply::read(request.header("idempotency-key", key).send().await.unwrap()).await
    };
    let all = retry("", "k1").await;
    assert_eq!(
        (&all.json["retry_of"], &all.json["metadata"]),
        (&json!(id), &json!({"album": "7"}))
    );
    let batch = completed(&api, &all).await;
    assert_eq!(
        batch["request_counts"],
        counts(4, 0, 4),
        "not the row that could not be read"
    );
    let mut names: Vec<_> = errors(&api, &batch)
        .await
        .iter()
        .map(|line| line["custom_id"].to_string())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "\"id broken-1\"",
            "\"id dead-1\"",
            "\"id failing-1\"",
            "\"id failing-2\""
        ]
    );
    let only = retry("?only=retryable", "k2").await;
    assert_eq!(completed(&api, &only).await["request_counts"]["total"], 2);
    assert_eq!(
        retry("?only=retryable", "k2").await.json["id"],
        only.json["id"],
        "the same, sent again"
    );
    let caused = retry("?code=image_truncated", "k4").await;
    let batch = completed(&api, &caused).await;
    assert_eq!(batch["request_counts"]["total"], 1, "one cause alone");
    let there = retry("?host=127.0.0.1&code=image_truncated", "k6").await;
    let batch = completed(&api, &there).await;
    assert_eq!(batch["request_counts"]["total"], 1, "one cause at one host");
    retry("?host=elsewhere.example", "k7")
        .await
        .is_problem(400, "invalid_request");
    retry("?code=image_truncatet", "k5")
        .await
        .is_problem(400, "invalid_request");
    retry("", "k2")
        .await
        .is_problem(422, "idempotency_mismatch");
    retry("?only=some", "k3")
        .await
        .is_problem(400, "invalid_request");
    let nothing = create(
        &api,
        json!({"items": items(&album, &["a"]), "features": ["tags"]}),
    )
    .await;
    ended(&api, &nothing).await;
    let path = format!("/v1/batches/{nothing}/retry");
    api.post_raw(&path, "application/json", vec![])
        .await
        .is_problem(400, "invalid_request");
    api.finish().await;
}

#[tokio::test]
async fn a_list_of_which_nothing_can_be_made_is_refused() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let reply = post(&api, "", "application/x-ndjson", "a\nb\nc\n").await;
    reply.is_problem(400, "invalid_request");
    let detail = reply.json["detail"].as_str().unwrap();
    assert!(
        detail.contains("all 3 rows") && detail.contains("row 1: "),
        "{detail}"
    );
    assert_eq!(
        api.get("/v1/batches").await.json["data"],
        json!([]),
        "nothing was begun"
    );
    api.finish().await;
}
