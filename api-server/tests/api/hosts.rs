//! Restraint towards hosts: so many downloads at once, and none from those that keep failing.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::future::join_all;
use identity::NewKey;
use serde_json::{Value, json};
use testing::{pictures::photo, servers::Port};

use crate::{
    harness::Harness,
    support::{
        names::Answers,
        origin::{BRISK, Origin, Page, ok, redirect, status},
        reply::Reply,
        worker::Behaviour,
    },
};

fn late(file: &[u8]) -> Page {
    let Page::Bytes(bytes) = ok(file) else {
        unreachable!("bytes")
    };
    Page::Late(Duration::from_millis(400), bytes)
}

#[tokio::test]
async fn downloads_from_one_host_wait_for_each_other() {
    let file = photo(64, 64);
    let origin = Origin::start([("/late.jpg", late(&file))]).await;
    let other = Origin::start([("/late.jpg", late(&file))]).await;
    let args = [
        "--fetch-max-per-host",
        "2",
        "--fetch-allow-origin",
        &origin.base,
        "--fetch-allow-origin",
        &other.base,
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    let urls = (0..8).map(|n| {
        if n < 6 {
            origin.url("/late.jpg")
        } else {
            other.url("/late.jpg")
        }
    });
    let urls: Vec<_> = urls.collect();
    for reply in join_all(urls.iter().map(|url| api.post_url(url))).await {
        assert_eq!(reply.status, 200, "{}", reply.json);
    }
    assert_eq!(origin.peak.load(Ordering::SeqCst), 2);
    assert_eq!(
        other.peak.load(Ordering::SeqCst),
        2,
        "another host has places of its own"
    );
    api.finish().await;
}

#[tokio::test]
async fn who_finds_no_place_in_time_is_told_so() {
    let origin = Origin::start([
        ("/drip", Page::Drip(100_000, BRISK)),
        ("/cat.jpg", ok(&photo(64, 64))),
    ])
    .await;
    let args = [
        "--fetch-max-per-host",
        "1",
        "--fetch-first-byte-timeout-ms",
        "200",
        "--fetch-timeout-ms",
        "2000",
    ];
    let args = [&args[..], &["--fetch-allow-origin", &origin.base]].concat();
    let api = Harness::with(&args, Behaviour::Answer).await;
    let second = async {
        origin.until_hit(1).await;
        let hurried = json!({"image": {"url": origin.url("/cat.jpg")}, "timeout_ms": 50});
        (
            api.post_url(&origin.url("/cat.jpg")).await,
            api.post_json(hurried).await,
        )
    };
    let url = origin.url("/drip");
    let (first, (second, hurried)) = tokio::join!(api.post_url(&url), second);
    first.is_problem(422, "source_timeout");
    second.is_problem(422, "source_busy");
    assert_eq!(second.json["retryable"], true);
    hurried.is_problem(422, "source_busy");
    assert_eq!(origin.hits(), 1);
    assert_eq!(
        api.post_url(&origin.url("/cat.jpg")).await.status,
        200,
        "the place came back"
    );
    assert!(
        api.metric(r#"tagfleet_fetch_refused_total{reason="busy"}"#)
            .await
            >= 2.0
    );
    api.finish().await;
}

const CIRCUIT_OPEN: &str =
    "The image's host failed repeatedly; its circuit is open, so it is not asked for a while.";

#[tokio::test]
async fn a_host_that_keeps_failing_is_left_alone_until_a_probe_succeeds() {
    let origin = Origin::start([
        ("/500", Page::Bytes(status(500, ""))),
        ("/429", Page::Bytes(status(429, ""))),
        (
            "/short",
            Page::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nshort".to_vec()),
        ),
        ("/cat.jpg", ok(&photo(64, 64))),
        ("/late.jpg", late(&photo(64, 64))),
    ])
    .await;
    let args = [
        "--fetch-host-failures",
        "3",
        "--fetch-host-pause-ms",
        "1500",
        "--workers-refresh-ms",
        "20",
    ];
    let args = [&args[..], &["--fetch-allow-origin", &origin.base]].concat();
    let api = Harness::with(&args, Behaviour::Answer).await;
    let ask = async |path: &str| api.post_url(&origin.url(path)).await;
    // A 404 between them is a host that works.
    for path in ["/500", "/429", "/404", "/short", "/500", "/429"] {
        ask(path).await;
    }
    let reply = ask("/cat.jpg").await;
    reply.is_problem(422, "source_http_error");
    assert_eq!(
        (&reply.json["detail"], &reply.json["retryable"]),
        (&json!(CIRCUIT_OPEN), &json!(true))
    );
    assert_eq!(origin.hits(), 6, "nobody knocked");
    // Other tests' servers set the same gauge.
    let shown = async { while api.metric("tagfleet_fetch_hosts_open").await < 1.0 {} };
    tokio::time::timeout(Duration::from_secs(1), shown)
        .await
        .expect("the gauge shows it");
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    // One probe, and whoever comes while it is out is refused as before.
    let (probe, meanwhile) = tokio::join!(ask("/late.jpg"), async {
        origin.until_hit(7).await;
        ask("/cat.jpg").await
    });
    assert_eq!(probe.status, 200, "{}", probe.json);
    assert_eq!(meanwhile.json["detail"], CIRCUIT_OPEN);
    assert_eq!(ask("/cat.jpg").await.status, 200);
    assert!(
        api.metric(r#"tagfleet_fetch_refused_total{reason="circuit_open"}"#)
            .await
            >= 2.0
    );
    api.finish().await;
}

#[tokio::test]
async fn files_that_are_announced_as_too_large_do_not_close_a_host_to_others() {
    let announced = Page::Drip(100_000_000, Duration::from_secs(1));
    let origin = Origin::start([("/big", announced), ("/cat.jpg", ok(&photo(64, 64)))]).await;
    let args = [
        "--fetch-host-failures",
        "2",
        "--fetch-allow-origin",
        &origin.base,
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    for _ in 0..5 {
        let reply = api.post_url(&origin.url("/big")).await;
        reply.is_problem(422, "source_too_large");
    }
    assert_eq!(api.post_url(&origin.url("/cat.jpg")).await.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn callers_in_a_hurry_do_not_close_a_host_to_others() {
    let origin = Origin::start([("/silent", Page::Silent), ("/cat.jpg", ok(&photo(64, 64)))]).await;
    let args = [
        "--fetch-host-failures",
        "2",
        "--fetch-first-byte-timeout-ms",
        "2000",
    ];
    let args = [&args[..], &["--fetch-allow-origin", &origin.base]].concat();
    let api = Harness::with(&args, Behaviour::Answer).await;
    let hurried = json!({"image": {"url": origin.url("/silent")}, "timeout_ms": 30});
    for _ in 0..4 {
        api.post_json(hurried.clone())
            .await
            .is_problem(504, "deadline_exceeded");
    }
    assert_eq!(api.post_url(&origin.url("/cat.jpg")).await.status, 200);
    // Others have waited long enough to know.
    let patient = json!({"image": {"url": origin.url("/silent")}, "timeout_ms": 600});
    for _ in 0..2 {
        api.post_json(patient.clone())
            .await
            .is_problem(422, "source_timeout");
    }
    let reply = api.post_url(&origin.url("/cat.jpg")).await;
    reply.is_problem(422, "source_timeout");
    assert_eq!(reply.json["detail"], CIRCUIT_OPEN);
    api.finish().await;
}

#[tokio::test]
async fn who_redirects_in_circles_is_left_alone_and_not_whom_it_leads_to() {
    let victim = Origin::start([
        ("/old", redirect("/cat.jpg")),
        ("/cat.jpg", ok(&photo(64, 64))),
    ])
    .await;
    let to_victim: &'static str = victim.url("/old").leak();
    let pages = [
        ("/1", redirect("/2")),
        ("/2", redirect("/3")),
        ("/3", redirect(to_victim)),
        ("/loop", redirect("/loop")),
    ];
    let origin = Origin::start(pages).await;
    let args = [
        "--fetch-host-failures",
        "2",
        "--fetch-allow-origin",
        &victim.base,
        "--fetch-allow-origin",
        &origin.base,
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    for path in ["/1", "/loop"] {
        api.post_url(&origin.url(path))
            .await
            .is_problem(422, "too_many_redirects");
    }
    let reply = api.post_url(&origin.url("/1")).await;
    reply.is_problem(422, "too_many_redirects");
    assert_eq!(reply.json["detail"], CIRCUIT_OPEN);
    assert_eq!(api.post_url(&victim.url("/old")).await.status, 200);
    api.finish().await;
}

/// A server, and what two tenants ask it with.
struct Tenants {
    api: Harness,
    keys: [String; 2],
    _folder: tempfile::TempDir,
}

impl Tenants {
    async fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [shop, blog] = ["shop", "blog"].map(|tenant| NewKey::random(tenant, 50.0, None));
        let [shop, blog] = [shop, blog].map(|key| key.expect("a key"));
        let file = folder.path().join("keys.toml");
        std::fs::write(&file, [&*shop.entry, &*blog.entry].concat()).expect("written");
        let keys = ["--api-keys", file.to_str().expect("UTF-8")];
        let api = Harness::with(&[args, &keys].concat(), Behaviour::Answer).await;
        Self {
            api,
            keys: [shop.key, blog.key],
            _folder: folder,
        }
    }

    async fn ask(&self, tenant: usize, url: &str) -> Reply {
        let request = self
            .api
            .client
            .post(self.api.url("/v1/tags"))
            .bearer_auth(&self.keys[tenant])
            .json(&json!({"image": {"url": url}}));
        Reply::read(request.send().await.expect("an answer")).await
    }
}

#[tokio::test]
async fn bad_files_of_one_tenant_close_no_host_to_another() {
    let origin = Origin::start([
        ("/500", Page::Bytes(status(500, ""))),
        ("/long", Page::Endless),
        ("/cat.jpg", ok(&photo(64, 64))),
    ])
    .await;
    let limits = ["--fetch-host-failures", "2", "--fetch-max-bytes", "1000000"];
    let args = [&limits[..], &["--fetch-allow-origin", &origin.base]].concat();
    let tenants = Tenants::start(&args).await;
    let [shop, blog] = [0, 1];
    for path in ["/500", "/long", "/500"] {
        tenants.ask(shop, &origin.url(path)).await;
    }
    let reply = tenants.ask(shop, &origin.url("/cat.jpg")).await;
    assert_eq!(reply.json["detail"], CIRCUIT_OPEN);
    let reply = tenants.ask(blog, &origin.url("/cat.jpg")).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    tenants.api.finish().await;
}

#[tokio::test]
async fn who_cannot_be_connected_to_is_left_alone_by_all() {
    // Nobody listens there as long as it is reserved.
    let port = Port::reserve();
    let closed = format!("http://127.0.0.1:{}", port.number());
    let args = [
        "--fetch-host-failures",
        "2",
        "--fetch-allow-origin",
        &closed,
    ];
    let tenants = Tenants::start(&args).await;
    let [shop, blog] = [0, 1];
    for _ in 0..2 {
        let reply = tenants.ask(shop, &closed).await;
        reply.is_problem(422, "source_unreachable");
        assert_eq!(reply.json["retryable"], false);
    }
    let reply = tenants.ask(blog, &closed).await;
    reply.is_problem(422, "source_unreachable");
    assert_eq!(reply.json["retryable"], true, "the circuit is open");
    tenants.api.finish().await;
}

#[tokio::test]
async fn one_tenants_slow_downloads_leave_places_to_another() {
    let origin = Origin::start([
        ("/drip", Page::Drip(100_000, BRISK)),
        ("/cat.jpg", ok(&photo(64, 64))),
    ])
    .await;
    let args = [
        "--fetch-max-per-host",
        "2",
        "--fetch-timeout-ms",
        "4000",
        "--fetch-allow-origin",
        &origin.base,
    ];
    let tenants = Tenants::start(&args).await;
    let [shop, blog] = [0, 1];
    let drip = origin.url("/drip");
    let drips = join_all((0..4).map(|_| tenants.ask(shop, &drip)));
    let other = async {
        origin.until_hit(2).await;
        let reply = tenants.ask(blog, &origin.url("/cat.jpg")).await;
        // Two of the four still wait for a place.
        (reply, origin.hits())
    };
    let (_, (reply, hits)) = tokio::join!(drips, other);
    assert_eq!(reply.status, 200, "{}", reply.json);
    assert_eq!(hits, 3, "it waited for none of the drips");
    tenants.api.finish().await;
}

fn without_id(reply: &Reply) -> Value {
    let mut json = reply.json.clone();
    json.as_object_mut()
        .expect("an object")
        .remove("request_id");
    json
}

#[tokio::test]
async fn what_cannot_be_reached_looks_alike_from_the_first_time_to_the_last() {
    // Nobody listens there as long as it is reserved.
    let port = Port::reserve();
    let closed = format!("http://127.0.0.1:{}", port.number());
    let nameless = Answers::new(vec![vec![]]);
    let args = [
        "--fetch-host-failures",
        "3",
        "--fetch-refuse-nets",
        "9.9.9.0/24",
        "--fetch-allow-origin",
        &closed,
    ];
    let api = Harness::with_names(&args, Behaviour::Answer, nameless).await;
    let urls = [
        closed.as_str(),
        "http://10.0.0.1",
        "http://nowhere.example",
        "http://9.9.9.9",
        "https://[::1]",
    ];
    for turn in 0..5 {
        let begun = std::time::Instant::now();
        let replies = join_all(urls.map(|url| api.post_url(url))).await;
        for reply in &replies {
            reply.is_problem(422, "source_unreachable");
            assert_eq!(without_id(reply), without_id(&replies[0]));
            assert_eq!(
                reply.json["retryable"],
                turn >= 3,
                "the circuit opens after three"
            );
        }
        assert!(
            turn >= 3 || begun.elapsed() >= Duration::from_millis(50),
            "none of them is told at once"
        );
    }
    assert!(
        api.metric(r#"tagfleet_fetch_refused_total{reason="address"}"#)
            .await
            >= 9.0
    );
    api.finish().await;
}

#[tokio::test]
async fn origins_that_announce_much_and_send_little_leave_room_for_others() {
    let slow = Origin::start([("/drip", Page::Drip(4_000_000, BRISK))]).await;
    let origin = Origin::start([("/cat.jpg", ok(&photo(640, 480)))]).await;
    let limits = [
        "--fetch-max-bytes",
        "4000000",
        "--max-body-bytes",
        "1000000",
        "--max-bytes-in-flight",
        "8000000",
    ];
    let allowed = [
        "--fetch-allow-origin",
        &slow.base,
        "--fetch-allow-origin",
        &origin.base,
    ];
    let args = [&limits[..], &allowed[..], &["--fetch-timeout-ms", "1000"]].concat();
    let api = Harness::with(&args, Behaviour::Answer).await;
    let url = slow.url("/drip");
    let others = async {
        slow.until_hit(3).await;
        api.post_url(&origin.url("/cat.jpg")).await
    };
    let (drips, other) = tokio::join!(join_all((0..3).map(|_| api.post_url(&url))), others);
    drips
        .iter()
        .for_each(|reply| reply.is_problem(422, "source_timeout"));
    assert_eq!(other.status, 200, "{}", other.json);
    api.finish().await;
}
