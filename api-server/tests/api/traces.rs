//! The story of one request: in its answer, and as a trace.

use testing::{
    collector::{Collector, Span},
    pictures,
};

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Asks with a trace of the client's own.
async fn asked(api: &Harness, flags: &str) -> Reply {
    let asked = api
        .client
        .post(api.url("/v1/tags?explain=1"))
        .header("content-type", "image/jpeg")
        .header("x-request-id", "from-the-proxy")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"))
        .body(pictures::photo(64, 64));
    Reply::read(asked.send().await.expect("an answer")).await
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("{name} is not among {spans:#?}"))
}

#[tokio::test]
async fn a_clients_trace_shows_api_broker_worker_and_batch() {
    let collector = Collector::start().await;
    let api = Harness::with(&["--trace-endpoint", &collector.url], Behaviour::Answer).await;
    let reply = asked(&api, "01").await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    let spans = collector.trace(TRACE).await;
    let root = named(&spans, "POST /v1/tags");
    assert_eq!(root.parent.as_deref(), Some(CALLER));
    assert_eq!(
        root.attribute("tagfleet.request.id").as_deref(),
        reply.json["id"].as_str()
    );
    for (name, service) in [
        ("admit", "tagfleet-api"),
        ("prepare", "tagfleet-api"),
        ("send tagging", "tagfleet-api"),
        ("queue", "tagfleet-api"),
        ("process tagging", "tagfleet-worker"),
        ("infer", "tagfleet-worker"),
        ("result", "tagfleet-api"),
    ] {
        assert_eq!(named(&spans, name).service, service, "{name}");
    }
    for name in ["send tagging", "process tagging"] {
        let system = named(&spans, name).attribute("messaging.system");
        assert_eq!(system.as_deref(), Some("memory"));
    }
    let infer = named(&spans, "infer");
    let closed = infer.attribute("tagfleet.batch.closed");
    assert_eq!(closed.as_deref(), Some("idle"));
    for span in &spans {
        assert_eq!(span.trace, TRACE);
        let Some(parent) = spans.iter().find(|it| Some(&it.id) == span.parent.as_ref()) else {
            assert_eq!(span.id, root.id, "{} has no parent", span.name);
            continue;
        };
        // A microsecond, since milliseconds are added up.
        let within = span.start + 1_000 >= parent.start && span.end <= parent.end + 1_000;
        assert!(within, "{} lies within {}", span.name, parent.name);
    }
    api.finish().await;
}

#[tokio::test]
async fn traced_is_what_failed_and_what_its_caller_traces() {
    let collector = Collector::start().await;
    let args = [
        "--trace-endpoint",
        &collector.url,
        "--trace-one-in",
        "0",
        "--trace-slow-ms",
        "60000",
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    assert_eq!(asked(&api, "00").await.status, 200);
    api.finish().await;
    assert!(collector.spans().is_empty(), "it was quick and good");
    let api = Harness::with(&args, Behaviour::Fail).await;
    assert_eq!(asked(&api, "00").await.status, 500);
    // The last ones go out before the server ends.
    api.finish().await;
    let spans = collector.spans();
    let root = named(&spans, "POST /v1/tags");
    assert_eq!(
        root.attribute("error.type").as_deref(),
        Some("inference_failed")
    );
}

#[tokio::test]
async fn a_collector_that_is_away_costs_nobody() {
    let args = [
        "--trace-endpoint",
        "http://127.0.0.1:1",
        "--trace-one-in",
        "1",
    ];
    let api = Harness::with(&args, Behaviour::Answer).await;
    for _ in 0..3 {
        assert_eq!(asked(&api, "01").await.status, 200);
    }
    api.finish().await;
}

#[tokio::test]
async fn an_answer_explains_itself_where_it_is_asked_to() {
    let api = Harness::start().await;
    let explain = asked(&api, "00").await.json["explain"].clone();
    assert_eq!(explain["trace_id"], TRACE);
    assert_eq!(explain["client_ref"], "from-the-proxy");
    assert_eq!(explain["worker"], "fake-1");
    assert_eq!(explain["attempts"], 1);
    assert_eq!(explain["batch"]["closed"], "idle");
    assert_eq!(explain["caption"], "template");
    assert!(explain["wait_ms"].is_number(), "{explain}");
    let plain = api
        .post_raw("/v1/tags", "image/jpeg", pictures::photo(64, 64))
        .await;
    assert!(plain.json.get("explain").is_none(), "{}", plain.json);
    let path = format!("/v1/requests/{}", plain.header("x-request-id"));
    let record = testing::servers::eventually("it is kept", async || {
        let found = api.get(&path).await;
        (found.status == 200).then_some(found.json)
    })
    .await;
    let id = plain.json["id"].as_str().expect("an id");
    assert_eq!(record["trace_id"], id.trim_start_matches("req_"));
    api.finish().await;
}
