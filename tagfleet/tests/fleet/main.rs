//! The binary as its users run it: real processes, real models, real RabbitMQ
//! and Redis, photos by URL from an origin of the test's own. Needs `make models`.

mod captions;
mod elsewhere;
mod migration;
mod models;
mod rates;
mod retag;
#[path = "../support/mod.rs"]
mod support;
mod traces;
mod users;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use support::{
    process::Process,
    samples::{Origin, Tagged},
};
use testing::servers::{RabbitMq, Redis, eventually, unique};

/// For each sample, the tags of which one must be among the first five.
const EXPECTED: [(&str, &[&str]); 4] = [
    ("coffee.png", &["espresso", "cup", "coffee mug"]),
    (
        "cat.png",
        &["cat", "tabby cat", "egyptian cat", "tiger cat"],
    ),
    ("palace.jpg", &["palace", "building"]),
    ("motorcycle.png", &["moped", "motor scooter"]),
];

#[tokio::test]
async fn the_service_in_one_process_tags_the_samples_and_ends_cleanly() {
    let origin = Origin::start().await;
    let mut service = Process::serve(&origin, &[]).await;
    assert!(service.is_healthy().await, "as `tagfleet health` sees it");
    let answers = service.tag(&origin.urls(1), &[]).await;
    for (sample, any_of) in EXPECTED {
        let tags = &answers
            .iter()
            .find(|answer| answer.sample() == sample)
            .expect("answered")
            .tags;
        let first_five: Vec<_> = tags.iter().take(5).map(String::as_str).collect();
        assert!(
            first_five.iter().any(|tag| any_of.contains(tag)),
            "{sample}: {first_five:?}"
        );
    }
    for answer in &answers {
        let (sum, total) = answer.stage_sum_and_total();
        let tolerance = (total * 0.1).max(2.0);
        assert!(
            (sum - total).abs() <= tolerance,
            "{}: stages {sum} ms, total {total} ms",
            answer.source
        );
        let is_silent = answer.caption_status == "unsure";
        assert_eq!(answer.caption.is_none(), is_silent, "{}", answer.source);
        if ["cat.png", "coffee.png"].contains(&answer.sample()) {
            assert!(!is_silent, "{} is sure", answer.source);
        }
    }
    let rss_mib = service.rss_mib();
    assert!(rss_mib < 700, "the service holds {rss_mib} MiB");
    assert_eq!(
        service.terminate().await,
        Some(0),
        "SIGTERM ends it cleanly"
    );
    assert!(!service.is_healthy().await, "one that is gone is not well");
}

/// A model that is just being loaded cannot be called back: its thread computes while the process ends.
#[tokio::test]
async fn a_service_ends_well_while_its_language_model_is_being_loaded() {
    let origin = Origin::start().await;
    let settings = [
        ("TAGFLEET_CAPTIONER", "llama".to_owned()),
        ("TAGFLEET_CAPTION_START", "background".to_owned()),
    ];
    for after_ms in [0, 300, 600, 900] {
        let mut service = Process::serve(&origin, &settings).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        let code = service.terminate().await;
        assert_eq!(code, Some(0), "{after_ms} ms: {}", service.logged());
    }
}

#[tokio::test]
async fn a_fleet_answers_like_one_process_and_survives_the_death_of_a_worker() {
    let (origin, rabbitmq, redis) =
        tokio::join!(Origin::start(), RabbitMq::start(), Redis::start());
    let prefix = unique("e2e");
    let shared = [
        ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
        ("TAGFLEET_BUS_URL", redis.url()),
        ("TAGFLEET_QUEUE_PREFIX", prefix.clone()),
        ("TAGFLEET_ENGINE_THREADS", "1".to_owned()),
        ("TAGFLEET_CAPTIONER", "template".to_owned()),
    ];
    let (mut one, mut two) = tokio::join!(
        Process::worker("worker-1", &shared),
        Process::worker("worker-2", &shared)
    );
    let (mut api_1, mut api_2) = tokio::join!(
        Process::api(&origin, &shared),
        Process::api(&origin, &shared)
    );
    for api in [&api_1, &api_2] {
        api.knows_workers(2).await;
    }

    // The same answers as from one process, from both workers.
    let mut embedded =
        Process::serve(&origin, &[("TAGFLEET_CAPTIONER", "template".to_owned())]).await;
    let alone = top_tags(&embedded.tag(&origin.urls(1), &[]).await);
    assert_eq!(embedded.terminate().await, Some(0));
    let four_times = origin.urls(4);
    let (by_one, by_two) =
        tokio::join!(api_1.tag_slowly(&four_times), api_2.tag_slowly(&four_times));
    assert_eq!(top_tags(&by_one), alone);
    assert_eq!(top_tags(&by_two), alone);
    let workers: HashSet<_> = by_one
        .iter()
        .chain(&by_two)
        .map(|answer| answer.worker.as_str())
        .collect();
    assert_eq!(
        workers,
        HashSet::from(["worker-1", "worker-2"]),
        "each worker did some"
    );

    // 200 images, and one of the two workers dies among them.
    let urls = origin.urls(200 / origin.samples() + 1)[..200].to_vec();
    let before = two.jobs_done().await.expect("the worker answers");
    let tagging = api_1.tag(&urls, &["--concurrency", "8"]);
    let dying = async {
        eventually("some of them are tagged", async || {
            two.jobs_done().await.filter(|done| *done > before + 20)
        })
        .await;
        two.kill9();
    };
    let (answers, ()) = tokio::join!(tagging, dying);
    assert_eq!(answers.len(), 200, "every image is answered");
    let ids: HashSet<_> = answers.iter().map(|answer| answer.id.as_str()).collect();
    assert_eq!(ids.len(), 200, "and none twice");
    assert!(
        answers
            .iter()
            .filter(|answer| answer.worker == "worker-2")
            .count()
            > 0,
        "it had done some before"
    );
    // The client tries again where it may: that it never had to, only the server can tell.
    let asked = by_one.len() as u64 + 200;
    let counts = api_1
        .counts("tagfleet_requests_total")
        .await
        .expect("the API answers");
    assert_eq!(
        counts,
        HashMap::from([("code=\"ok\"".to_owned(), asked)]),
        "no request failed on the way"
    );

    // Nothing is left over, and what lives ends cleanly.
    expect_empty_queues(&rabbitmq, &prefix).await;
    for process in [&mut api_1, &mut api_2, &mut one] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn sources_that_are_forbidden_or_broken_get_their_codes_and_no_connection() {
    let origin = Origin::start().await;
    let forbidden = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("the loopback has a free port");
    let port = forbidden.local_addr().expect("it is bound").port();
    let ports = [
        (
            "TAGFLEET_FETCH_PORTS",
            format!("80,{},{}", port, origin.port()),
        ),
        ("TAGFLEET_CAPTIONER", "off".into()),
    ];
    let mut service = Process::serve(&origin, &ports).await;
    let cases = [
        (
            format!("http://127.0.0.1:{port}/secret"),
            "source_unreachable",
        ),
        (
            format!("http://localhost:{port}/secret"),
            "source_unreachable",
        ),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "source_unreachable",
        ),
        (origin.url("no-such-file.jpg"), "source_http_error"),
        (origin.url("page.jpg"), "unsupported_format"),
        (origin.url("truncated.jpg"), "image_truncated"),
    ];
    for (url, code) in cases {
        assert_eq!(service.refusal(&url).await, code, "{url}");
    }
    let connection = tokio::time::timeout(Duration::from_millis(100), forbidden.accept()).await;
    assert!(
        connection.is_err(),
        "the forbidden address saw a connection"
    );
    assert_eq!(service.terminate().await, Some(0));
}

/// The model is sure of nothing in it: its pixels are a missile, and the same pixels as a JPEG a structure.
const UNDECIDED: &str = "rocket.jpg";

fn top_tags(answers: &[Tagged]) -> HashMap<String, String> {
    answers
        .iter()
        .filter(|answer| answer.sample() != UNDECIDED)
        .map(|answer| (answer.sample().to_owned(), answer.tags[0].clone()))
        .collect()
}

/// Every queue that there is, the seldom used ones too. One that nobody has used does not exist.
async fn expect_empty_queues(rabbitmq: &RabbitMq, prefix: &str) {
    let lanes = ["realtime", "bulk", "captions", "captions.bulk"];
    let all = lanes
        .into_iter()
        .flat_map(|lane| [lane.to_owned(), format!("{lane}.retry")]);
    for queue in all.chain(["dead".to_owned(), "shards".to_owned()]) {
        let name = format!("{prefix}.{queue}");
        eventually("the queue is empty", async || {
            let depths = depths(rabbitmq).await;
            let messages = depths.get(&name).copied().unwrap_or(0);
            (messages == 0 && !depths.is_empty()).then_some(())
        })
        .await;
    }
}

async fn depths(rabbitmq: &RabbitMq) -> HashMap<String, u64> {
    let listing = rabbitmq
        .ctl(&["list_queues", "name", "messages", "--no-table-headers"])
        .await;
    let row = |line: &str| {
        let (name, messages) = line.split_once('\t')?;
        Some((name.to_owned(), messages.trim().parse().ok()?))
    };
    listing.lines().filter_map(row).collect()
}
