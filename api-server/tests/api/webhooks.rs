//! What is told of a batch's end, to whom, and that it can be believed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Redirect,
    routing::{any, get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use testing::servers::eventually;
use tokio::net::TcpListener;
use url::Url;

use crate::{
    batches::{create, ended, items, started},
    harness::Harness,
    support::{album::Album, worker::Behaviour},
};

const SECRETS: [&str; 2] = [
    "the new secret of the service",
    "the old secret of the service",
];

type Taken = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Takes what it is told at the second time.
async fn hook() -> (String, Taken) {
    let taken = Taken::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let take = async |State(taken): State<Taken>, headers: HeaderMap, body: Bytes| {
        let mut taken = taken.lock().unwrap();
        taken.push((headers, body));
        if taken.len() == 1 {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        }
    };
    let router = Router::new()
        .route("/hook", post(take))
        .with_state(taken.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, taken)
}

fn signed_by(secret: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let key = ledger::webhook::webhook_secret(secret, "default");
    let key = BASE64_STANDARD
        .decode(key.strip_prefix("whsec_").unwrap())
        .unwrap();
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn the_end_of_a_batch_is_told_until_it_is_taken() {
    let (album, (base, taken)) = (Album::start().await, hook().await);
    let secrets = SECRETS.join(",");
    let more = [
        "--webhook-secrets",
        &secrets,
        "--webhook-pause-ms",
        "0",
        "--fetch-allow-origin",
        &base,
    ];
    let api = started(&album, &more, Behaviour::Look).await;
    let body =
        json!({"items": items(&album, &["a", "dead-1"]), "webhook_url": format!("{base}/hook")});
    let reply = api
        .post_raw(
            "/v1/batches",
            "application/json",
            body.to_string().into_bytes(),
        )
        .await;
    assert_eq!(reply.status, 202, "{}", reply.json);
    let id = reply.json["id"].as_str().unwrap();
    ended(&api, id).await;
    eventually("it is told twice", async || {
        (taken.lock().unwrap().len() == 2).then_some(())
    })
    .await;
    let told = taken.lock().unwrap().clone();
    assert_eq!(
        told[0].0["webhook-id"], told[1].0["webhook-id"],
        "it is the same news"
    );
    for (headers, body) in &told {
        let signatures = SECRETS
            .map(|secret| signed_by(secret, headers, body))
            .join(" ");
        assert_eq!(headers["webhook-signature"], signatures);
        let news: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(
            (&news["type"], news["data"]["id"].as_str()),
            (&json!("batch.completed"), Some(id))
        );
        assert_eq!(
            news["data"]["request_counts"],
            json!({"total": 2, "completed": 1, "failed": 1})
        );
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(taken.lock().unwrap().len(), 2, "and not once more");
    api.finish().await;
}

/// How often each was asked.
#[derive(Clone, Default)]
struct Asked {
    hook: Arc<AtomicUsize>,
    inside: Arc<AtomicUsize>,
}

/// Leads on to another of its pages.
async fn misleading_hook() -> (String, Asked) {
    let asked = Asked::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let lead_on = async |State(asked): State<Asked>| {
        asked.hook.fetch_add(1, Ordering::SeqCst);
        Redirect::temporary("/inside")
    };
    let inside = async |State(asked): State<Asked>| {
        asked.inside.fetch_add(1, Ordering::SeqCst);
    };
    let router = Router::new()
        .route("/hook", post(lead_on))
        .route("/inside", any(inside))
        .with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, asked)
}

#[tokio::test]
async fn a_webhook_that_leads_elsewhere_is_not_followed() {
    let album = Album::start().await;
    let (base, asked) = misleading_hook().await;
    let more = [
        "--webhook-secrets",
        SECRETS[0],
        "--webhook-pause-ms",
        "0",
        "--fetch-allow-origin",
        &base,
    ];
    let api = started(&album, &more, Behaviour::Look).await;
    let hook = format!("{base}/hook");
    create(
        &api,
        json!({"items": items(&album, &["a"]), "webhook_url": hook}),
    )
    .await;
    eventually("it is tried again", async || {
        (asked.hook.load(Ordering::SeqCst) >= 2).then_some(())
    })
    .await;
    assert_eq!(asked.inside.load(Ordering::SeqCst), 0);
    api.finish().await;
}

#[tokio::test]
async fn a_host_whose_circuit_is_open_is_told_later() {
    let album = Album::start().await;
    let asked = Asked::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let take = async |State(asked): State<Asked>| {
        asked.hook.fetch_add(1, Ordering::SeqCst);
        StatusCode::NO_CONTENT
    };
    let router = Router::new()
        .route("/hook", post(take))
        .route("/500", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .with_state(asked.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let more = [
        "--webhook-secrets",
        SECRETS[0],
        "--fetch-host-failures",
        "2",
        "--fetch-host-pause-ms",
        "3000",
        "--fetch-allow-origin",
        &base,
        "--fetch-allow-origin",
        &album.base,
    ];
    let api = Harness::with(&more, Behaviour::Look).await;
    for _ in 0..2 {
        api.post_url(&format!("{base}/500"))
            .await
            .is_problem(422, "source_http_error");
    }
    let opened = Instant::now();
    let hook = format!("{base}/hook");
    create(
        &api,
        json!({"items": items(&album, &["a"]), "webhook_url": hook}),
    )
    .await;
    eventually("it is told", async || {
        (asked.hook.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;
    assert!(opened.elapsed() >= Duration::from_millis(2_900));
    api.finish().await;
}

#[tokio::test]
async fn a_webhook_waits_for_whoever_can_sign_it() {
    let (album, (base, taken), folder) = (
        Album::start().await,
        hook().await,
        tempfile::tempdir().unwrap(),
    );
    let store = Url::from_directory_path(folder.path()).unwrap().to_string();
    let options = [
        "--store-url",
        &store,
        "--webhook-pause-ms",
        "0",
        "--fetch-allow-origin",
        &base,
    ];
    let able = [&options[..], &["--webhook-secrets", SECRETS[0]]].concat();
    let api = started(&album, &able, Behaviour::Slow(300)).await;
    let id = create(
        &api,
        json!({"items": items(&album, &["a"]), "webhook_url": format!("{base}/hook")}),
    )
    .await;
    api.finish().await;
    let api = started(&album, &options, Behaviour::Look).await;
    ended(&api, &id).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(taken.lock().unwrap().len(), 0);
    api.finish().await;
    let api = started(&album, &able, Behaviour::Look).await;
    eventually("it is told", async || {
        (taken.lock().unwrap().len() == 2).then_some(())
    })
    .await;
    api.finish().await;
}

#[tokio::test]
async fn a_webhook_goes_to_public_addresses_alone_and_is_always_signed() {
    let album = Album::start().await;
    let secrets = ["--webhook-secrets", SECRETS[0]];
    for (more, urls) in [
        (
            &secrets[..],
            &[
                "http://127.0.0.1/",
                "http://localhost/",
                "http://[::1]/",
                "file:///etc/passwd",
                "",
                "hook",
            ][..],
        ),
        (&[], &["https://example.com/hook"]),
    ] {
        let api = started(&album, more, Behaviour::Look).await;
        for url in urls {
            let body = json!({"items": items(&album, &["a"]), "webhook_url": url}).to_string();
            let asked = Instant::now();
            let reply = api
                .post_raw("/v1/batches", "application/json", body.into_bytes())
                .await;
            reply.is_problem(422, "webhook_not_allowed");
            let is_address = url.starts_with("http://");
            assert!(
                !is_address || asked.elapsed() >= Duration::from_millis(50),
                "{url}: no sooner than an address of which nothing is known"
            );
        }
        api.finish().await;
    }
}
