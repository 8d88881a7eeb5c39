//! A sample of a list, and what it says of the whole; then the whole.

use serde_json::{Value, json};

use crate::{
    batches::{create, ended, outcomes, started},
    harness::Harness,
    support::{album::Album, worker::Behaviour},
};

/// Every twentieth is dead, every fiftieth broken.
fn list(album: &Album, count: usize) -> Vec<Value> {
    let kind = |n: usize| match n {
        n if n % 20 == 7 => "dead",
        n if n % 50 == 11 => "broken",
        _ => "good",
    };
    let item = |n: usize| json!({"custom_id": n.to_string(), "url": album.url(&format!("{}-{n}", kind(n)))});
    (0..count).map(item).collect()
}

async fn run(api: &Harness, body: Value) -> Value {
    ended(api, &create(api, body).await).await
}

#[tokio::test]
async fn a_sample_says_what_the_whole_will_be() {
    let album = Album::start().await;
    let options = ["--migrate-worker-hour-cost", "1000"];
    let api = started(&album, &options, Behaviour::Look).await;
    let items = list(&album, 2_000);
    let dry = run(
        &api,
        json!({"items": items, "features": ["tags"], "dry_run": {"sample": 0.3}}),
    )
    .await;
    assert_eq!(
        (&dry["status"], &dry["dry_run"]["listed"]),
        (&json!("completed"), &json!(2_000))
    );
    let forecast = &dry["dry_run"]["forecast"];
    let sampled = forecast["sampled"].as_u64().unwrap();
    assert!((480..720).contains(&sampled), "{sampled}");
    assert_eq!(dry["request_counts"]["total"], sampled);
    assert_eq!(
        album.all_hits() as u64,
        sampled,
        "nothing but the sample was fetched"
    );
    // A dry run is a batch, and every item of its sample can be looked at.
    assert_eq!(
        outcomes(&api, dry["id"].as_str().unwrap()).await.len() as u64,
        sampled
    );

    let whole = run(&api, json!({"items": items, "features": ["tags"]})).await;
    assert_eq!(
        (&whole["dry_run"], &whole["request_counts"]["total"]),
        (&Value::Null, &json!(2_000))
    );
    for (code, failed) in [("source_http_error", 100), ("image_truncated", 40)] {
        assert_eq!(whole["failures"]["by_code"][code], failed);
        let share = &forecast["failures"]["by_code"][code];
        let bound = |name: &str| share[name].as_f64().unwrap() * 2_000.0;
        // The seed is another each time: an interval of 95 % twice as wide holds in all but one of ten thousand runs.
        let low = bound("low");
        let high = bound("high");
        let wide = high - low;
        assert!(
            low - wide / 2.0 < failed as f64 && (failed as f64) < high + wide / 2.0,
            "{code}: {failed} not {share}"
        );
    }
    let seconds = forecast["seconds"]["expected"].as_f64().unwrap();
    let took = whole["completed_at"].as_f64().unwrap() - whole["in_progress_at"].as_f64().unwrap();
    println!("forecast {seconds} s, took {took} s; {forecast}");
    assert!(seconds > 0.0 && forecast["bytes"].as_u64().unwrap() > 1_000);
    let hours = forecast["worker_hours"].as_f64().unwrap();
    assert_eq!(
        forecast["cost"].as_f64().unwrap(),
        (hours * 1_000.0 * 100.0).round() / 100.0
    );
    assert_eq!(
        forecast["tags"].as_object().unwrap().values().next(),
        Some(&json!(1.0)),
        "all photos are the same"
    );
    api.finish().await;
}

#[tokio::test]
async fn a_short_list_is_looked_at_as_far_as_it_takes() {
    let album = Album::start().await;
    let api = started(&album, &["--batch-shard-items", "30"], Behaviour::Look).await;
    for (count, sampled) in [(150, 100), (40, 40)] {
        let lines: String = list(&album, count)
            .iter()
            .map(|item| item.to_string() + "\n")
            .collect();
        let path = "/v1/batches?features=tags&dry_run=0.0001";
        let reply = api
            .post_raw(path, "application/x-ndjson", lines.into_bytes())
            .await;
        assert_eq!(reply.status, 202, "{}", reply.json);
        let batch = ended(&api, reply.json["id"].as_str().unwrap()).await;
        let dry_run = &batch["dry_run"];
        assert_eq!(
            (&dry_run["listed"], &dry_run["forecast"]["sampled"]),
            (&json!(count), &json!(sampled)),
            "{batch}"
        );
    }
    api.finish().await;
}

#[tokio::test]
async fn a_sample_is_a_share() {
    let album = Album::start().await;
    let api = started(&album, &[], Behaviour::Look).await;
    let items = list(&album, 3);
    for dry_run in [
        json!({"sample": 0}),
        json!({"sample": -1}),
        json!({"sample": 1.01}),
        json!({}),
        json!(0.5),
    ] {
        let body = json!({"items": items, "dry_run": dry_run});
        let reply = api
            .post_raw(
                "/v1/batches",
                "application/json",
                body.to_string().into_bytes(),
            )
            .await;
        reply.is_problem(400, "invalid_request");
    }
    for dry_run in ["0", "nan", "2", "x"] {
        let path = format!("/v1/batches?dry_run={dry_run}");
        let line = items[0].to_string().into_bytes();
        api.post_raw(&path, "application/x-ndjson", line)
            .await
            .is_problem(400, "invalid_request");
    }
    api.finish().await;
}
