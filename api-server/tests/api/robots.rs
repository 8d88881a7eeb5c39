//! What sites say to robots, and what we say to sites.

use serde_json::json;
use testing::pictures::photo;

use crate::{
    batches,
    cache::cached,
    harness::Harness,
    support::{
        origin::{Origin, ok, redirect, with_headers},
        worker::Behaviour,
    },
};

#[tokio::test]
async fn noai_is_honoured_as_set() {
    let file = photo(64, 64);
    let several = "X-Robots-Tag: noindex\r\nx-robots-tag: TagfleetBot: NoAI\r\n";
    let pages = [
        ("/noai.jpg", with_headers("X-Robots-Tag: noai\r\n", &file)),
        ("/noimageai.jpg", with_headers(several, &file)),
        ("/moved", redirect("/noai.jpg")),
        (
            "/other.jpg",
            with_headers("X-Robots-Tag: otherbot: noai\r\n", &file),
        ),
        ("/free.jpg", ok(&file)),
    ];
    let origin = Origin::start(pages).await;
    for setting in [None, Some("bulk"), Some("never"), Some("always")] {
        let mut args = vec!["--fetch-allow-origin", &origin.base];
        args.extend(
            setting
                .iter()
                .flat_map(|value| ["--fetch-honour-noai", value]),
        );
        let api = Harness::with(&args, Behaviour::Answer).await;
        for path in ["/noai.jpg", "/noimageai.jpg", "/moved"] {
            let reply = api.post_url(&origin.url(path)).await;
            match setting {
                Some("always") => reply.is_problem(422, "source_forbids_ai"),
                _ => assert_eq!(reply.status, 200, "{setting:?} {path}: {}", reply.json),
            }
        }
        for path in ["/other.jpg", "/free.jpg"] {
            assert_eq!(api.post_url(&origin.url(path)).await.status, 200, "{path}");
        }
        api.finish().await;
    }
}

#[tokio::test]
async fn noai_is_honoured_in_a_batch_unless_set_otherwise() {
    let file = photo(64, 64);
    let pages = [
        ("/noai.jpg", with_headers("X-Robots-Tag: noai\r\n", &file)),
        ("/moved", redirect("/noai.jpg")),
        ("/free.jpg", ok(&file)),
    ];
    let origin = Origin::start(pages).await;
    let settings: [(&[&str], &str); 2] = [
        (&[], "source_forbids_ai"),
        (&["--fetch-honour-noai", "never"], "ok"),
    ];
    for (setting, code) in settings {
        let args = [&["--fetch-allow-origin", &origin.base], setting].concat();
        let api = Harness::with(&args, Behaviour::Answer).await;
        let item = |path: &str| json!({"custom_id": path, "url": origin.url(path)});
        let items = ["/noai.jpg", "/moved", "/free.jpg"].map(item);
        let id = batches::create(&api, json!({"items": items})).await;
        assert_eq!(batches::ended(&api, &id).await["status"], "completed");
        let expected = [("/free.jpg", "ok"), ("/moved", code), ("/noai.jpg", code)];
        let told = batches::outcomes(&api, &id).await;
        assert_eq!(
            told.iter()
                .map(|(id, code)| (id.as_str(), code.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
        api.finish().await;
    }
}

/// Whoever asks for a single image may have it, and a batch that comes later may not: it takes no answer from the cache.
#[tokio::test]
async fn noai_is_honoured_where_the_answer_is_known() {
    let headers = "X-Robots-Tag: noai\r\nCache-Control: max-age=600\r\nETag: \"1\"\r\n";
    let page = with_headers(headers, &photo(64, 64));
    let origin = Origin::start([("/noai.jpg", page)]).await;
    let api = cached(&origin, Behaviour::Answer).await;
    let url = origin.url("/noai.jpg");
    assert_eq!(api.post_url(&url).await.status, 200);
    let items = json!([{"custom_id": "a", "url": url}]);
    let id = batches::create(&api, json!({"items": items})).await;
    assert_eq!(batches::ended(&api, &id).await["status"], "completed");
    let told = batches::outcomes(&api, &id).await;
    assert_eq!(told["a"], "source_forbids_ai");
    api.finish().await;
}

#[tokio::test]
async fn we_say_who_we_are_and_where_to_complain() {
    let origin = Origin::start([("/cat.jpg", ok(&photo(64, 64)))]).await;
    let name = concat!("tagfleet/", env!("CARGO_PKG_VERSION"));
    let known = format!("{name} (+https://tags.example/bot)");
    let cases: [(&[&str], &str); 2] = [
        (&[], name),
        (&["--fetch-contact", "https://tags.example/bot"], &known),
    ];
    for (contact, expected) in cases {
        let args = [&["--fetch-allow-origin", &origin.base], contact].concat();
        let api = Harness::with(&args, Behaviour::Answer).await;
        assert_eq!(api.post_url(&origin.url("/cat.jpg")).await.status, 200);
        let head = origin
            .heads
            .lock()
            .unwrap()
            .pop()
            .expect("a request")
            .to_lowercase();
        assert!(
            head.contains(&format!("user-agent: {expected}\r\n")),
            "{head}"
        );
        api.finish().await;
    }
}
