//! What was answered before is not worked out again.

use std::time::{Duration, Instant};

use common::stage::Stage;
use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::{Value, json};
use testing::{pictures, servers::eventually};

use crate::{
    batches::{create, ended},
    harness::Harness,
    support::{
        origin::{Origin, Page, ok, status, tagged, with_headers},
        reply::Reply,
        worker::{Behaviour, MODEL},
    },
};

pub async fn cached(origin: &Origin, behaviour: Behaviour) -> Harness {
    cached_with(origin, &[], behaviour).await
}

async fn cached_with(origin: &Origin, more: &[&str], behaviour: Behaviour) -> Harness {
    let args = [
        "--cache",
        "on",
        "--fetch-allow-origin",
        &origin.base,
        "--fetch-ports",
        origin.port(),
    ];
    Harness::with(&[&args, more].concat(), behaviour).await
}

/// A photo that comes after so many milliseconds.
async fn slow_photo(late_ms: u64) -> Origin {
    let Page::Bytes(bytes) = ok(&pictures::photo(320, 240)) else {
        panic!("a page of bytes")
    };
    let slow = Page::Late(Duration::from_millis(late_ms), bytes);
    Origin::start([("/a.jpg", slow)]).await
}

/// What is told later of the request that was answered so.
async fn record_of(api: &Harness, reply: &Reply) -> Value {
    let path = format!("/v1/requests/{}", reply.header("x-request-id"));
    let kept = eventually("the record is kept", async || {
        Some(api.get(&path).await).filter(|record| record.status == 200)
    });
    kept.await.json
}

async fn photos() -> Origin {
    let photo = pictures::photo(320, 240);
    let other = pictures::photo(300, 200);
    Origin::start([
        ("/a.jpg", ok(&photo)),
        ("/copy.jpg", ok(&photo)),
        ("/other.jpg", ok(&other)),
        (
            "/gone.jpg",
            Page::Bytes(b"HTTP/1.1 404 Gone\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ),
    ])
    .await
}

#[track_caller]
fn found_by(reply: &Reply, layer: Option<&str>) {
    assert_eq!(reply.status, 200, "{}", reply.json);
    let expected = layer.map_or(Value::Null, Value::from);
    assert_eq!(reply.json["cached"], expected, "{}", reply.json);
    let header = match layer {
        Some(layer) => format!("tagfleet; hit; detail={layer}"),
        None => "tagfleet; fwd=miss".to_owned(),
    };
    assert_eq!(reply.header("cache-status"), header);
    assert_eq!(reply.json["tags"][0]["id"], "cat");
}

#[tokio::test]
async fn a_url_is_answered_again_without_a_download_or_a_worker() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let first = api.post_url(&origin.url("/a.jpg")).await;
    found_by(&first, None);
    let second = api.post_url(&origin.url("/a.jpg")).await;
    found_by(&second, Some("url"));
    assert_eq!(
        (origin.hits(), api.worker.jobs.lock().unwrap().len()),
        (1, 1)
    );
    assert_eq!(first.json["image"], second.json["image"]);
    assert_eq!(first.json["caption"], second.json["caption"]);
    assert_eq!(second.json["worker"], "cache");
    let stages = second.json["timings_ms"].as_object().expect("stages");
    assert!(!stages.contains_key(Stage::Infer.name()), "{stages:?}");
    api.finish().await;
}

#[tokio::test]
async fn a_file_is_known_by_its_bytes_wherever_it_comes_from() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    found_by(&api.post_url(&origin.url("/a.jpg")).await, None);
    found_by(&api.post_url(&origin.url("/copy.jpg")).await, Some("bytes"));
    let sent = pictures::photo(320, 240);
    let reply = api.post_raw("/v1/tags", "image/jpeg", sent).await;
    found_by(&reply, Some("bytes"));
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 1);
    found_by(&api.post_url(&origin.url("/other.jpg")).await, None);
    api.finish().await;
}

#[tokio::test]
async fn a_copy_in_another_encoding_is_known_by_its_tile() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let picture = pictures::gradient(224, 224);
    let png = pictures::encoded(picture.clone(), ImageFormat::Png);
    let bmp = pictures::encoded(picture, ImageFormat::Bmp);
    found_by(&api.post_raw("/v1/tags", "image/png", png).await, None);
    let copy = api.post_raw("/v1/tags", "image/bmp", bmp.clone()).await;
    found_by(&copy, Some("tile"));
    assert_eq!(copy.json["image"]["format"], "bmp");
    let again = api.post_raw("/v1/tags", "image/bmp", bmp).await;
    found_by(&again, Some("bytes"));
    api.finish().await;
}

#[tokio::test]
async fn another_question_is_another_answer_and_no_store_is_none() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/a.jpg");
    found_by(&api.post_url(&url).await, None);
    for options in [
        json!({"limit": 2}),
        json!({"language": "ko"}),
        json!({"features": ["tags"]}),
    ] {
        let mut body = options.clone();
        body["image"] = json!({"url": url});
        found_by(&api.post_json(body).await, None);
    }
    let before = origin.hits();
    let body = json!({"image": {"url": url}, "cache": "no-store"});
    for _ in 0..2 {
        found_by(&api.post_json(body.clone()).await, None);
    }
    assert_eq!(origin.hits(), before + 2);
    found_by(&api.post_url(&url).await, Some("url"));
    api.finish().await;
}

#[tokio::test]
async fn many_who_ask_for_one_new_photo_cause_one_download_and_one_job() {
    let photo = ok(&pictures::photo(320, 240));
    let Page::Bytes(bytes) = photo else {
        panic!("a page of bytes")
    };
    let slow = Page::Late(std::time::Duration::from_millis(300), bytes);
    let origin = Origin::start([("/a.jpg", slow)]).await;
    let api = cached(&origin, Behaviour::Slow(100)).await;
    let url = origin.url("/a.jpg");
    let replies = futures_util::future::join_all((0..50).map(|_| api.post_url(&url))).await;
    let worked = replies
        .iter()
        .filter(|reply| reply.json["cached"].is_null());
    assert_eq!(worked.count(), 1);
    replies
        .iter()
        .for_each(|reply| assert_eq!(reply.status, 200, "{}", reply.json));
    assert_eq!(
        (origin.hits(), api.worker.jobs.lock().unwrap().len()),
        (1, 1)
    );
    api.finish().await;
}

#[tokio::test]
async fn those_who_wait_share_an_answer_that_is_kept_for_nobody() {
    let origin = slow_photo(300).await;
    let args = ["--shed-captions", "always"];
    let api = cached_with(&origin, &args, Behaviour::Slow(100)).await;
    let body = json!({"image": {"url": origin.url("/a.jpg")}, "explain": true});
    let replies = join_all((0..60).map(|_| api.post_json(body.clone()))).await;
    let mut leaders = 0;
    for reply in &replies {
        assert_eq!(reply.status, 200, "{}", reply.json);
        assert_eq!(reply.json["caption"]["status"], "skipped_overload");
        let timings = &reply.json["timings_ms"];
        match reply.json["explain"]["flight"].as_str() {
            Some("leader") => leaders += 1,
            Some("follower") => {
                // Its wait is named, and is not the time that its answer took to write.
                assert!(timings["lookup"].as_f64() > Some(100.0), "{timings}");
                assert!(timings["result"].as_f64() < Some(100.0), "{timings}");
                assert_eq!(reply.json["explain"]["url"], origin.url("/a.jpg"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((leaders, origin.hits()), (1, 1));
    let later = api.post_json(body).await;
    assert_eq!(later.json.get("cached"), None, "{}", later.json);
    api.finish().await;
}

/// What the one who works has no time for is not missing for those who have more.
#[tokio::test]
async fn an_answer_in_a_hurry_is_given_to_nobody_else() {
    let origin = slow_photo(300).await;
    let args = ["--shed-captions", "always"];
    let api = cached_with(&origin, &args, Behaviour::Slow(100)).await;
    let url = origin.url("/a.jpg");
    let hurried = json!({"image": {"url": url}, "timeout_ms": 2_000});
    let (hurried, patient) = tokio::join!(api.post_json(hurried), async {
        origin.until_hit(1).await;
        api.post_json(json!({"image": {"url": url}, "timeout_ms": 60_000}))
            .await
    });
    for reply in [hurried, patient] {
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    assert_eq!(origin.hits(), 2, "each is worked on");
    api.finish().await;
}

#[tokio::test]
async fn the_time_of_the_one_who_works_is_told_to_nobody_else() {
    // A host that has had less than a fifth of its time is not blamed; one that has had more is.
    for (first_byte_ms, status, code) in [
        ("20000", 504, "deadline_exceeded"),
        ("1500", 422, "source_timeout"),
    ] {
        let origin = slow_photo(1_000).await;
        let args = ["--fetch-first-byte-timeout-ms", first_byte_ms];
        let api = cached_with(&origin, &args, Behaviour::Answer).await;
        let url = origin.url("/a.jpg");
        let hurried = json!({"image": {"url": url}, "timeout_ms": 400});
        let (hurried, patient) = tokio::join!(api.post_json(hurried), async {
            origin.until_hit(1).await;
            api.post_url(&url).await
        });
        hurried.is_problem(status, code);
        assert_eq!(hurried.json["stage"], Stage::Fetch.name());
        assert_eq!(patient.status, 200, "{}", patient.json);
        api.finish().await;
    }
}

#[tokio::test]
async fn a_fault_of_the_image_is_told_to_all_and_kept_for_nobody() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/gone.jpg");
    let replies = futures_util::future::join_all((0..10).map(|_| api.post_url(&url))).await;
    for reply in &replies {
        reply.is_problem(422, "source_http_error");
    }
    assert_eq!(origin.hits(), 1, "a dead link is known for a moment");
    let known = api.post_url(&url).await;
    known.is_problem(422, "source_http_error");
    assert_eq!(known.header("cache-status"), "tagfleet; hit; detail=url");
    let record = record_of(&api, &known).await;
    assert_eq!(record["cached"], "url");
    assert_eq!(record["url"], url.as_str());
    let stages = record["stages"].as_array().expect("stages");
    assert!(
        stages.iter().all(|it| it["stage"] != Stage::Fetch.name()),
        "{record}"
    );
    api.finish().await;
}

const NO_CACHE: &str = "ETag: \"one\"\r\nCache-Control: no-cache\r\n";
const NO_STORE: &str = "ETag: \"one\"\r\nCache-Control: no-store\r\n";
const NO_TIME: &str = "Cache-Control: max-age=0\r\n";
const AN_HOUR: &str = "Cache-Control: public, max-age=3600\r\n";

/// Hosts that say different things of the same photo.
async fn hosts_that_say() -> Origin {
    let photo = pictures::photo(320, 240);
    Origin::start([
        ("/no-cache.jpg", tagged("\"one\"", NO_CACHE, &photo)),
        ("/no-store.jpg", tagged("\"one\"", NO_STORE, &photo)),
        ("/no-time.jpg", with_headers(NO_TIME, &photo)),
        ("/an-hour.jpg", tagged("\"one\"", AN_HOUR, &photo)),
    ])
    .await
}

#[tokio::test]
async fn a_host_is_asked_whether_a_photo_has_changed() {
    let origin = hosts_that_say().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/no-cache.jpg");
    found_by(&api.post_url(&url).await, None);
    for asked in 2..5 {
        found_by(&api.post_url(&url).await, Some("url"));
        assert_eq!(origin.hits(), asked);
    }
    let heads = origin.heads.lock().unwrap().clone();
    assert!(!heads[0].contains("if-none-match"), "{}", heads[0]);
    assert!(heads[1].contains("if-none-match: \"one\""), "{}", heads[1]);
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 1);
    api.finish().await;
}

#[tokio::test]
async fn nobody_waits_for_what_nobody_may_keep() {
    let origin = hosts_that_say().await;
    let api = cached(&origin, Behaviour::Answer).await;
    for path in ["/no-store.jpg", "/no-cache.jpg", "/no-time.jpg"] {
        let url = origin.url(path);
        api.post_url(&url).await;
        let begun = Instant::now();
        for _ in 0..2 {
            assert_eq!(api.post_url(&url).await.status, 200);
        }
        // A claim that nobody ends lasts for 2 s.
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(1_500), "{path}: {took:?}");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_host_that_wants_to_be_asked_is_asked_however_little_it_says_then() {
    let photo = pictures::photo(320, 240);
    let Page::Bytes(bytes) = with_headers(NO_CACHE, &photo) else {
        panic!("a page of bytes")
    };
    let silent = Page::Unless {
        known: "\"one\"",
        headers: "",
        bytes,
    };
    let origin = Origin::start([("/a.jpg", silent)]).await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/a.jpg");
    found_by(&api.post_url(&url).await, None);
    for asked in 2..5 {
        found_by(&api.post_url(&url).await, Some("url"));
        assert_eq!(origin.hits(), asked);
    }
    api.finish().await;
}

#[tokio::test]
async fn a_redirect_that_is_asked_each_time_hides_nothing_behind_it() {
    let photo = pictures::photo(320, 240);
    let moved = status(302, "Location: /b.jpg\r\nCache-Control: no-cache\r\n");
    let origin = Origin::start([
        ("/a.jpg", Page::Bytes(moved)),
        ("/b.jpg", tagged("\"one\"", "ETag: \"one\"\r\n", &photo)),
    ])
    .await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/a.jpg");
    found_by(&api.post_url(&url).await, None);
    found_by(&api.post_url(&url).await, Some("url"));
    assert_eq!(origin.hits(), 4);
    found_by(&api.post_url(&origin.url("/b.jpg")).await, Some("bytes"));
    api.finish().await;
}

#[tokio::test]
async fn a_host_that_lets_nothing_be_kept_is_obeyed() {
    let origin = hosts_that_say().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/no-store.jpg");
    for asked in 1..4 {
        found_by(&api.post_url(&url).await, None);
        assert_eq!(origin.hits(), asked);
    }
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 3);
    api.finish().await;
}

#[tokio::test]
async fn a_host_that_vouches_for_an_hour_is_not_asked_again() {
    let origin = hosts_that_say().await;
    let args = [
        "--cache",
        "on",
        "--cache-url-ttl-s",
        "0",
        "--fetch-allow-origin",
        &origin.base,
        "--fetch-ports",
        origin.port(),
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let url = origin.url("/an-hour.jpg");
    found_by(&api.post_url(&url).await, None);
    found_by(&api.post_url(&url).await, Some("url"));
    assert_eq!(origin.hits(), 1);
    api.finish().await;
}

#[tokio::test]
async fn a_client_that_has_the_answer_is_told_so() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let first = api.post_url(&origin.url("/a.jpg")).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(first.header("cache-control"), "private, no-cache");
    let ask = async |known: &str, options: Value| {
        let mut body = options;
        body["image"] = json!({"url": origin.url("/a.jpg")});
        let request = api.client.post(api.url("/v1/tags")).json(&body);
        let reply = request.header("if-none-match", known).send().await;
        reply.expect("an answer")
    };
    let known = format!("\"other\", {etag}");
    let reply = ask(&known, json!({})).await;
    assert_eq!(reply.status(), 304);
    assert_eq!(reply.headers()["etag"], etag);
    let reply = Reply::read(reply).await;
    assert_eq!(reply.json, "");
    assert_eq!(record_of(&api, &reply).await["status"], 304);
    let another_question = ask(&etag, json!({"limit": 2})).await;
    assert_eq!(another_question.status(), 200);
    assert_ne!(another_question.headers()["etag"], etag);
    assert_eq!(ask("\"other\"", json!({})).await.status(), 200);
    api.finish().await;
}

async fn post_with_key(api: &Harness, key: &str, body: &Value) -> Reply {
    post_with_key_at(&api.base, api, key, body).await
}

/// At that server.
async fn post_with_key_at(base: &str, api: &Harness, key: &str, body: &Value) -> Reply {
    let request = api.client.post(format!("{base}/v1/tags")).json(body);
    let answer = request.header("idempotency-key", key).send().await;
    Reply::read(answer.expect("an answer")).await
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_as_before() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Slow(100)).await;
    let body = json!({"image": {"url": origin.url("/a.jpg")}, "cache": "no-store"});
    let posts = (0..10).map(|_| post_with_key(&api, "one", &body));
    let replies = futures_util::future::join_all(posts).await;
    let worked = replies
        .iter()
        .filter(|reply| reply.json["cached"].is_null());
    assert_eq!(worked.count(), 1);
    found_by(&post_with_key(&api, "one", &body).await, Some("key"));
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 1);
    // Another name is another request, and the same name with another request is a mistake.
    found_by(&post_with_key(&api, "two", &body).await, None);
    let mut other = body.clone();
    other["limit"] = json!(2);
    post_with_key(&api, "one", &other)
        .await
        .is_problem(422, "idempotency_mismatch");
    post_with_key(&api, &"x".repeat(256), &body)
        .await
        .is_problem(400, "invalid_request");
    api.finish().await;
}

#[tokio::test]
async fn a_key_names_one_request_also_while_that_is_worked_on() {
    let origin = photos().await;
    let mut api = cached(&origin, Behaviour::Slow(300)).await;
    let bases = [api.base.clone(), api.beside().await];
    let body = |name: &str| json!({"image": {"url": origin.url(name)}});
    let [one, other] = ["/a.jpg", "/other.jpg"].map(body);
    let begun = post_with_key(&api, "one", &one);
    let others = async {
        origin.until_hit(1).await;
        let posts = bases
            .iter()
            .map(|base| post_with_key_at(base, &api, "one", &other));
        join_all(posts).await
    };
    let (first, others) = tokio::join!(begun, others);
    found_by(&first, None);
    for reply in others {
        reply.is_problem(422, "idempotency_mismatch");
    }
    api.finish().await;
}

#[tokio::test]
async fn a_key_stands_for_an_answer_whatever_that_lacks() {
    let origin = photos().await;
    let args = ["--shed-captions", "always"];
    let api = cached_with(&origin, &args, Behaviour::Answer).await;
    let body = json!({"image": {"url": origin.url("/a.jpg")}});
    found_by(&post_with_key(&api, "one", &body).await, None);
    found_by(&post_with_key(&api, "one", &body).await, Some("key"));
    let other = json!({"image": {"url": origin.url("/other.jpg")}});
    post_with_key(&api, "one", &other)
        .await
        .is_problem(422, "idempotency_mismatch");
    api.finish().await;
}

#[tokio::test]
async fn a_replay_is_named_as_the_first_answer_was() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let body = json!({"image": {"url": origin.url("/a.jpg")}});
    let first = post_with_key(&api, "one", &body).await;
    let again = post_with_key(&api, "one", &body).await;
    found_by(&again, Some("key"));
    assert!(again.json["timings_ms"]["lookup"].is_number());
    for name in ["etag", "cache-control"] {
        assert!(!first.header(name).is_empty(), "{name}");
        assert_eq!(first.header(name), again.header(name));
    }
    // To name what is meant anyway makes no other request.
    let mut named = body.clone();
    named["model"] = json!(MODEL);
    named["language"] = json!("en");
    found_by(&post_with_key(&api, "one", &named).await, Some("key"));
    api.finish().await;
}

#[tokio::test]
async fn a_key_that_is_used_at_two_servers_at_once_has_one_result() {
    let origin = photos().await;
    let mut api = cached(&origin, Behaviour::Slow(100)).await;
    let bases = [api.base.clone(), api.beside().await];
    let body = json!({"image": {"url": origin.url("/a.jpg")}, "cache": "no-store"});
    let posts = (0..10).map(|n| post_with_key_at(&bases[n % 2], &api, "one", &body));
    let replies = futures_util::future::join_all(posts).await;
    let (worked, others): (Vec<_>, Vec<_>) = replies
        .iter()
        .partition(|reply| reply.json["cached"].is_null());
    assert_eq!(
        (worked.len(), api.worker.jobs.lock().unwrap().len()),
        (1, 1)
    );
    found_by(worked[0], None);
    for reply in others {
        found_by(reply, Some("key"));
        assert_eq!(reply.json["tags"], worked[0].json["tags"]);
    }
    let mut other = body.clone();
    other["limit"] = json!(2);
    for base in &bases {
        found_by(
            &post_with_key_at(base, &api, "one", &body).await,
            Some("key"),
        );
        post_with_key_at(base, &api, "one", &other)
            .await
            .is_problem(422, "idempotency_mismatch");
    }
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 1);
    api.finish().await;
}

#[tokio::test]
async fn a_request_that_failed_may_be_sent_again() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    let gone = json!({"image": {"url": origin.url("/gone.jpg")}});
    for _ in 0..2 {
        post_with_key(&api, "one", &gone)
            .await
            .is_problem(422, "source_http_error");
    }
    let sent = api.client.post(api.url("/v1/tags"));
    let photo = pictures::photo(320, 240);
    let sent = sent.header("content-type", "image/jpeg").body(photo);
    let again = sent
        .try_clone()
        .expect("bytes")
        .header("idempotency-key", "two");
    let first = sent.header("idempotency-key", "two").send().await;
    found_by(&Reply::read(first.expect("an answer")).await, None);
    let second = again.send().await;
    found_by(&Reply::read(second.expect("an answer")).await, Some("key"));
    api.finish().await;
}

#[tokio::test]
async fn a_batch_finds_what_was_answered_before() {
    let origin = photos().await;
    let api = cached(&origin, Behaviour::Answer).await;
    found_by(&api.post_url(&origin.url("/a.jpg")).await, None);
    let items = json!([{"url": origin.url("/a.jpg")}, {"url": origin.url("/copy.jpg")}]);
    let id = create(&api, json!({"items": items})).await;
    let batch = ended(&api, &id).await;
    assert_eq!(batch["request_counts"]["completed"], 2, "{batch}");
    assert_eq!(api.worker.jobs.lock().unwrap().len(), 1);
    assert_eq!(origin.hits(), 2, "the copy was looked at");
    api.finish().await;
}

#[tokio::test]
async fn when_the_one_who_works_hangs_up_another_goes_on() {
    let photo = ok(&pictures::photo(320, 240));
    let Page::Bytes(bytes) = photo else {
        panic!("a page of bytes")
    };
    let slow = Page::Late(std::time::Duration::from_millis(300), bytes);
    let origin = Origin::start([("/a.jpg", slow)]).await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/a.jpg");
    let leaves = api
        .client
        .post(api.url("/v1/tags"))
        .json(&json!({"image": {"url": url}}))
        .timeout(std::time::Duration::from_millis(150));
    let (left, stays) = tokio::join!(leaves.send(), async {
        origin.until_hit(1).await;
        api.post_url(&url).await
    });
    assert!(left.is_err(), "it left");
    assert_eq!(stays.status, 200, "{}", stays.json);
    api.finish().await;
}
