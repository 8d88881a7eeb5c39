//! What a key may, whichever API server it asks.

use identity::NewKey;
use testing::servers::{RabbitMq, Redis, unique};
use tokio::task::JoinSet;

use crate::support::{process::Process, samples::Origin};

/// So slow that none comes back while the test runs.
const PER_SECOND: f64 = 0.01;
const BURST: u32 = 300;
const REQUESTS: usize = 1_000;
/// Requests under way at each server.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn a_rate_is_the_fleets_however_many_servers_there_are() {
    let (origin, rabbitmq, redis) =
        tokio::join!(Origin::start(), RabbitMq::start(), Redis::start());
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys.toml");
    let key = NewKey::random("shop", PER_SECOND, Some(BURST)).expect("a key");
    std::fs::write(&keys, &key.entry).expect("written");
    let shared = [
        ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
        ("TAGFLEET_BUS_URL", redis.url()),
        ("TAGFLEET_QUEUE_PREFIX", unique("rates")),
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
        ("TAGFLEET_API_KEYS", keys.display().to_string()),
    ];
    let mut worker = Process::worker("worker-1", &shared).await;
    let (mut one, mut two) = tokio::join!(
        Process::api(&origin, &shared),
        Process::api(&origin, &shared)
    );
    let mut askers = JoinSet::new();
    for base in [one.base(), two.base()] {
        for _ in 0..AT_ONCE {
            let count = REQUESTS / 2 / AT_ONCE;
            askers.spawn(passed(base.clone(), key.key.clone(), count));
        }
    }
    let passed: usize = askers.join_all().await.into_iter().sum();
    assert!((297..=303).contains(&passed), "{passed} of {REQUESTS}");
    println!("{passed} of some {REQUESTS} passed at two servers");
    for process in [&mut one, &mut two, &mut worker] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

/// How many of some requests, one after the other, are not refused.
async fn passed(base: String, key: String, requests: usize) -> usize {
    let client = reqwest::Client::new();
    let mut passed = 0;
    for _ in 0..requests {
        let asked = client.get(format!("{base}/v1/models")).bearer_auth(&key);
        let status = asked.send().await.expect("an answer").status();
        match status.as_u16() {
            200 => passed += 1,
            429 => {}
            other => panic!("status {other}"),
        }
    }
    passed
}
