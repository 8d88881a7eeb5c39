//! Who is let in when more is asked for than can be done, and what is told of it later.

use common::stage::Stage;
use futures_util::future::join_all;
use testing::pictures;

use crate::{
    harness::Harness,
    support::{reply::Reply, worker::Behaviour},
};

async fn ask(api: &Harness, timeout_ms: u32) -> Reply {
    let path = format!("/v1/tags?timeout_ms={timeout_ms}");
    api.post_raw(&path, "image/jpeg", pictures::photo(224, 224))
        .await
}

#[tokio::test]
async fn what_would_come_too_late_is_refused_before_any_work() {
    // One after the other, 100 ms each.
    let api = Harness::with(&[], Behaviour::Slow(100)).await;
    for _ in 0..3 {
        assert_eq!(ask(&api, 5_000).await.status, 200);
    }
    let before = api.worker.jobs.lock().unwrap().len();
    let replies = join_all((0..40).map(|_| ask(&api, 1_000))).await;
    let (good, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 200);
    assert!(
        (2..=10).contains(&good.len()),
        "{} were answered",
        good.len()
    );
    for reply in &refused {
        reply.is_problem(429, "overloaded");
        assert_eq!(reply.json["stage"], Stage::Admit.name());
        assert_eq!(reply.header("x-should-retry"), "true");
        let after_ms: u64 = reply.header("retry-after-ms").parse().expect("a number");
        let after_s: u64 = reply.header("retry-after").parse().expect("a number");
        assert!((100..5_000).contains(&after_ms), "{after_ms}");
        assert_eq!(after_s, after_ms.div_ceil(1_000));
    }
    let worked = api.worker.jobs.lock().unwrap().len() - before;
    assert_eq!(worked, good.len(), "nothing was worked on in vain");
    // With more time there is room behind the same line.
    assert_eq!(ask(&api, 5_000).await.status, 200);
    api.finish().await;
}

#[tokio::test]
async fn a_shed_caption_is_told_and_is_not_kept() {
    let args = ["--shed-captions", "always", "--cache", "on"];
    let api = Harness::with(&args, Behaviour::Answer).await;
    for _ in 0..2 {
        let reply = ask(&api, 5_000).await;
        assert_eq!(reply.json["degraded"], serde_json::json!(["captions"]));
        assert_eq!(reply.json["caption"]["status"], "skipped_overload");
        assert_eq!(reply.json.get("cached"), None, "{}", reply.json);
    }
    let fleet = testing::servers::eventually("the server tells what it sheds", async || {
        let fleet = api.get("/v1/fleet").await.json;
        fleet["servers"][0]["degraded"].is_array().then_some(fleet)
    })
    .await;
    assert_eq!(fleet["servers"][0]["degraded"][0], "captions");
    api.finish().await;
}

#[tokio::test]
async fn what_became_of_a_request_can_be_asked_for() {
    let api = Harness::with(&[], Behaviour::Answer).await;
    let good = ask(&api, 5_000).await;
    let bad = api.post_url("https://user:secret@a.example/").await;
    for (reply, code) in [(&good, "ok"), (&bad, "invalid_url")] {
        let path = format!("/v1/requests/{}", reply.header("x-request-id"));
        let record = testing::servers::eventually("the record is kept", async || {
            Some(api.get(&path).await).filter(|record| record.status == 200)
        })
        .await;
        assert_eq!(record.json["code"], code, "{}", record.json);
        assert_eq!(record.json["server"], "test-api");
        assert!(!record.json.to_string().contains("secret"));
    }
    let path = format!("/v1/requests/{}", good.header("x-request-id"));
    let record = api.get(&path).await.json;
    let stages = record["stages"].as_array().expect("a list");
    let names: Vec<_> = stages.iter().map(|stage| stage["stage"].as_str()).collect();
    assert!(
        names.contains(&Some("infer")) && names.contains(&Some("prepare")),
        "{names:?}"
    );
    assert_eq!(record["worker"], "fake-1");
    api.get("/v1/requests/req_none")
        .await
        .is_problem(404, "not_found");
    api.finish().await;
}
