//! Clients that hang up: what that costs Redis, and what it saves.

mod support;

use std::{process::Stdio, time::Duration};

use ai_worker::WorkerConfig;
use bytes::Bytes;
use common::{
    bus::ResultKey,
    queue::{JobQueue, Message, Priority},
    wire::{self, DEFAULT_TENANT},
};
use support::{Harness, PATIENCE, encode, job};
use testing::servers::{Redis, eventually};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

const WORKERS: usize = 6;
const TTL: Duration = Duration::from_secs(60);

/// One image in 20 ms, and no two at once.
fn slow(config: &mut WorkerConfig) {
    fake(config);
    config.engine = "fake:service_ms=20".parse().expect("an engine");
    config.engine_threads = Some(1);
    config.max_batch = Some(1);
}

fn fake(config: &mut WorkerConfig) {
    config.engine = "fake".parse().expect("an engine");
    config.models_dir = "/nowhere".into();
}

fn key(id: &str) -> ResultKey {
    ResultKey {
        tenant: DEFAULT_TENANT.into(),
        id: id.into(),
    }
}

fn tile() -> Vec<u8> {
    encode(&vec![90; 224 * 224 * 3], 224, 224)
}

/// Every command that a Redis is given.
struct Monitor {
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Monitor {
    async fn start(redis: &Redis) -> Self {
        let mut process = Command::new("redis-cli")
            .args(["-p", &redis.port().to_string(), "MONITOR"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-cli is installed");
        let stdout = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next_line().await.expect("it is read");
        assert_eq!(first.as_deref(), Some("OK"));
        Self {
            _process: process,
            lines,
        }
    }

    /// Returns the commands until one that contains `marker`, without it.
    async fn until(&mut self, marker: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let reading = async {
            while let Some(line) = self.lines.next_line().await.expect("it is read") {
                if line.contains(marker) {
                    return;
                }
                seen.push(line);
            }
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("the marker comes");
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_is_one_command_and_is_told_to_nobody() {
    let redis = Redis::start().await;
    let url = redis.url();
    let mut fleet = Vec::new();
    for number in 0..WORKERS {
        let worker = Harness::start_at(&url, |config| {
            fake(config);
            config.worker_name = Some(format!("worker-{number}"));
        });
        fleet.push(worker.await);
    }
    for number in 0..WORKERS {
        fleet[0].knows(&format!("worker-{number}")).await;
    }
    let channels = redis.ctl(&["PUBSUB", "CHANNELS", "*"]).await;
    assert_eq!(
        channels, "tagfleet:results:test",
        "who waits for results subscribes, and nobody else"
    );
    let mut monitor = Monitor::start(&redis).await;
    let bus = &fleet[0].bus;
    bus.cancel(&key("left"), TTL).await.expect("stored");
    bus.cancel(&key("marker"), TTL).await.expect("stored");
    let commands = monitor.until("marker").await;
    let of_it: Vec<_> = commands
        .iter()
        .filter(|command| command.contains("left"))
        .collect();
    assert_eq!(of_it.len(), 1, "{of_it:?}");
    assert!(!commands.iter().any(|command| command.contains("PUBLISH")));
    for worker in fleet {
        worker.shutdown.cancel();
        worker.worker.await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_any_more_is_not_inferred() {
    const JOBS: usize = 100;
    let redis = Redis::start().await;
    let harness = Harness::start_at(&redis.url(), slow).await;
    harness.knows("worker-1").await;
    let ids: Vec<String> = (0..JOBS).map(|number| format!("job-{number}")).collect();
    for id in &ids {
        let message = Message {
            payload: Bytes::from(wire::encode(&job(id, "fake", tile()))),
            ttl: PATIENCE,
        };
        let published = harness
            .queue
            .publish(JobQueue::Tagging, Priority::Realtime, message);
        published.await.expect("there is room");
    }
    for id in &ids {
        harness.bus.cancel(&key(id), TTL).await.expect("stored");
    }
    let bus = harness.bus.clone();
    harness.stop_once_empty().await;
    let mut inferred = 0;
    for id in &ids {
        let result = bus.result(&key(id)).await.expect("Redis answers");
        inferred += usize::from(result.is_some());
    }
    println!("{inferred} of {JOBS} jobs were inferred");
    assert!(inferred < JOBS / 2, "{inferred} of {JOBS}");
}

#[tokio::test(flavor = "multi_thread")]
async fn about_quick_jobs_nobody_is_asked() {
    let redis = Redis::start().await;
    let harness = Harness::start_at(&redis.url(), fake).await;
    harness.knows("worker-1").await;
    let mut monitor = Monitor::start(&redis).await;
    let mut slow = 0;
    for number in 0..50 {
        let mut job = job(&format!("job-{number}"), "fake", tile());
        job.features.caption = false;
        let started = std::time::Instant::now();
        harness.tag(&job).await;
        slow += usize::from(started.elapsed() >= Duration::from_millis(90));
    }
    harness
        .bus
        .cancel(&key("marker"), TTL)
        .await
        .expect("stored");
    let commands = monitor.until("marker").await;
    let asked = commands
        .iter()
        .filter(|command| command.contains("MGET"))
        .count();
    assert!(asked <= slow, "{asked} questions about {slow} slow jobs");
    harness.stop().await;
}

impl Harness {
    async fn stop_once_empty(self) {
        eventually("the worker has taken all", async || {
            let depth = self.queue.depth(JobQueue::Tagging, Priority::Realtime);
            (depth.await.ok()?.messages == 0).then_some(())
        })
        .await;
        self.stop().await;
    }
}
