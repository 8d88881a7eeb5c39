//! Captions as a stage of their own: a worker that only tags, one that only
//! writes captions, and what a client sees while the second is not there.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use testing::servers::{RabbitMq, Redis, eventually, unique};

use crate::{
    expect_empty_queues,
    support::{
        process::Process,
        samples::{Origin, Tagged},
    },
};

const WRITTEN: [&str; 3] = ["llm", "cached", "template"];

#[tokio::test]
async fn tagging_and_captions_scale_apart() {
    let (origin, rabbitmq, redis) =
        tokio::join!(Origin::start(), RabbitMq::start(), Redis::start());
    let prefix = unique("captions");
    let shared = [
        ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
        ("TAGFLEET_BUS_URL", redis.url()),
        ("TAGFLEET_QUEUE_PREFIX", prefix.clone()),
        ("TAGFLEET_CAPTIONER", "llama".to_owned()),
        // Longer than a small model on a busy machine takes.
        ("TAGFLEET_DEFAULT_TIMEOUT_MS", "15000".to_owned()),
        // Nor is a caption left to a pattern where the machine is busy.
        ("TAGFLEET_SHED_CAPTIONS", "never".to_owned()),
    ];
    let role = |role: &str| [&shared[..], &[("TAGFLEET_ROLES", role.to_owned())]].concat();
    let mut tagger = Process::worker("tagger", &role("tag")).await;
    let mut api = Process::api(&origin, &shared).await;
    api.knows_workers(1).await;

    // Nobody writes: tags come at once, and the captions say so.
    let alone = api.tag(&origin.urls(1), &[]).await;
    let mut alone = statuses(&alone);
    alone.sort_unstable();
    assert_eq!(alone, ["unavailable", "unsure"]);

    // Somebody does.
    let mut writer = Process::worker("writer", &role("caption")).await;
    let url = [origin.url("coffee.png")];
    let is_written =
        async || (statuses(&api.tag(&url, &[]).await) != ["unavailable"]).then_some(());
    eventually("captions are written", is_written).await;
    let answers = api.tag(&origin.urls(2), &[]).await;
    for answer in &answers {
        println!(
            "{:14} {:9} {}",
            answer.sample(),
            answer.caption_status,
            answer.caption.as_deref().unwrap_or("-")
        );
        assert!(
            WRITTEN.contains(&answer.caption_status.as_str()) || !says_something(answer),
            "{}: {}",
            answer.source,
            answer.caption_status
        );
        assert_eq!(answer.worker, "tagger", "who tagged it");
        let (sum, total) = answer.stage_sum_and_total();
        assert!(
            (sum - total).abs() <= (total * 0.1).max(2.0),
            "stages {sum} ms, total {total} ms"
        );
    }
    assert!(
        answers
            .iter()
            .any(|answer| ["llm", "cached"].contains(&answer.caption_status.as_str())),
        "some by the language model"
    );
    let lanes = writer
        .counts("tagfleet_jobs_total")
        .await
        .expect("it answers");
    assert!(
        lanes.keys().all(|lane| lane.contains("captions")),
        "it does nothing else: {lanes:?}"
    );
    let written = answers
        .iter()
        .filter(|answer| says_something(answer))
        .count() as u64;
    assert!(lanes.values().sum::<u64>() >= written);
    let rss_mib = writer.rss_mib();
    println!("tagger {} MiB, writer {rss_mib} MiB", tagger.rss_mib());

    // It dies. Until that is known tags wait for it, but no longer than they may.
    writer.kill9();
    let started = Instant::now();
    let timeout = Duration::from_secs(3);
    let waited = api
        .tag(
            &origin.urls(1),
            &["--timeout-ms", "3000", "--concurrency", "16"],
        )
        .await;
    println!(
        "after its death: {:?} in {:?}",
        statuses(&waited),
        started.elapsed()
    );
    assert!(
        statuses(&waited)
            .iter()
            .all(|status| ["skipped_deadline", "unavailable", "unsure"].contains(&status.as_str()))
    );
    assert!(started.elapsed() < timeout * 2, "{:?}", started.elapsed());
    let is_known = async || (statuses(&api.tag(&url, &[]).await) == ["unavailable"]).then_some(());
    eventually("it is known to be gone", is_known).await;

    // Another one takes its place.
    let mut heir = Process::worker("heir", &role("caption")).await;
    let is_written = async || {
        WRITTEN
            .contains(&statuses(&api.tag(&url, &[]).await)[0].as_str())
            .then_some(())
    };
    eventually("captions are written again", is_written).await;

    let counts = api
        .counts("tagfleet_requests_total")
        .await
        .expect("the API answers");
    assert_eq!(
        counts.keys().collect::<Vec<_>>(),
        ["code=\"ok\""],
        "no request failed on the way: {counts:?}"
    );
    expect_empty_queues(&rabbitmq, &prefix).await;
    for process in [&mut api, &mut tagger, &mut heir] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

/// Nothing is written of a photo that shows nothing for sure, which no coffee is.
fn says_something(answer: &Tagged) -> bool {
    answer.caption_status != "unsure" || answer.sample() == "coffee.png"
}

/// Those that there are.
fn statuses(answers: &[Tagged]) -> Vec<String> {
    let counted: HashMap<_, ()> = answers
        .iter()
        .map(|answer| (answer.caption_status.clone(), ()))
        .collect();
    counted.into_keys().collect()
}
