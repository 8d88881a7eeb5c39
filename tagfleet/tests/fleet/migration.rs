//! A batch while everything around it dies, each once: the ledger at the end
//! holds every item once, and as it was planted.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use testing::servers::{RabbitMq, Redis, unique};

use crate::support::{album::Album, process::Process};

/// `TAGFLEET_BATCH_KILL_ITEMS=20000` is the long run (`make test-batch-kill`).
const ITEMS: usize = 600;
const PATIENCE: Duration = Duration::from_secs(1_500);

struct Fleet {
    settings: Vec<(&'static str, String)>,
    rabbitmq: RabbitMq,
    redis: Redis,
    api: Process,
    migrator: Process,
    worker: Process,
}

impl Fleet {
    async fn start(album: &Album, store: &std::path::Path) -> Self {
        Self::with(album, store, &[]).await
    }

    /// `more` go before what is usual here.
    async fn with(album: &Album, store: &std::path::Path, more: &[(&'static str, &str)]) -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::start(), Redis::start());
        let mut settings = vec![
            ("TAGFLEET_QUEUE_URL", rabbitmq.url()),
            ("TAGFLEET_BUS_URL", redis.url()),
            ("TAGFLEET_QUEUE_PREFIX", unique("migration")),
            ("TAGFLEET_STORE_URL", format!("file://{}", store.display())),
            ("TAGFLEET_FETCH_ALLOW_ORIGINS", album.origins()),
            ("TAGFLEET_FETCH_TIMEOUT_MS", "4000".to_owned()),
            ("TAGFLEET_FETCH_HOST_PAUSE_MS", "500".to_owned()),
            ("TAGFLEET_MIGRATE_PAUSE_MS", "200".to_owned()),
            ("TAGFLEET_MIGRATE_JOB_TIMEOUT_MS", "15000".to_owned()),
            ("TAGFLEET_BATCH_SHARD_ITEMS", (items() / 6).to_string()),
            ("TAGFLEET_CAPTIONER", "off".to_owned()),
        ];
        settings.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let worker = Process::worker("worker-1", &settings).await;
        let (api, migrator) = tokio::join!(
            Process::bare("api", &settings),
            Process::bare("migrator", &settings)
        );
        Self {
            settings,
            rabbitmq,
            redis,
            api,
            migrator,
            worker,
        }
    }

    /// SIGKILL, and a new one in its place.
    async fn kill(&mut self, victim: &str) {
        match victim {
            "migrator" => {
                self.migrator.kill9();
                self.migrator = Process::bare("migrator", &self.settings).await;
            }
            "worker" => {
                self.worker.kill9();
                self.worker = Process::worker("worker-2", &self.settings).await;
            }
            "rabbitmq" => self.rabbitmq.restart().await,
            "redis" => self.redis.restart().await,
            _ => {
                self.api.kill9();
                self.api = Process::bare("api", &self.settings).await;
            }
        }
    }

    /// Items that are done, once that many are.
    async fn done(&self, id: &str, least: u64) -> Option<Value> {
        let batch: Value =
            serde_json::from_str(&self.api.get(&format!("/v1/batches/{id}")).await?).ok()?;
        let count = |name: &str| batch["request_counts"][name].as_u64();
        (count("completed")? + count("failed")? >= least).then_some(batch)
    }
}

fn items() -> usize {
    std::env::var("TAGFLEET_BATCH_KILL_ITEMS")
        .map_or(ITEMS, |items| items.parse().expect("a number"))
}

async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"))
}

#[tokio::test]
async fn a_batch_outlives_everything_that_works_on_it() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (list, planted) = album.list(items());
    let file = folder.path().join("list.ndjson");
    std::fs::write(&file, list).expect("written");
    let mut fleet = Fleet::start(&album, &folder.path().join("store")).await;
    let submitted = fleet
        .api
        .batch(&["submit", "--no-caption", file.to_str().expect("UTF-8")])
        .await;
    let id = submitted.trim().to_owned();
    let victims = ["migrator", "worker", "api", "redis", "rabbitmq"];
    let mut before = 0;
    for (turn, victim) in victims.iter().enumerate() {
        let least = (items() * (turn + 1) / 7) as u64;
        let batch = eventually("it goes on", async || fleet.done(&id, least).await).await;
        let counts = &batch["request_counts"];
        let done =
            counts["completed"].as_u64().unwrap_or(0) + counts["failed"].as_u64().unwrap_or(0);
        assert!(done >= before, "what was done stays done");
        assert_ne!(batch["status"], "completed", "all of them die on the way");
        before = done;
        println!("{done} of {} done: kill -9 {victim}", items());
        fleet.kill(victim).await;
    }
    let batch = eventually("it ends", async || {
        let batch = fleet.done(&id, items() as u64).await?;
        (batch["status"] == "completed").then_some(batch)
    })
    .await;

    let [results, errors] = ["results", "errors"].map(|kind| fleet.api.batch_lines(kind, &id));
    let results = results.await;
    let errors = errors.await;
    let mut told = BTreeMap::new();
    for line in results.iter().chain(&errors) {
        let code = line["error"]["code"].as_str().unwrap_or("ok");
        let twice = told.insert(line["custom_id"].as_str().expect("a name").to_owned(), code);
        assert_eq!(twice, None, "{line} is there twice");
    }
    let done = results.len() as u64;
    let failed = errors.len() as u64;
    assert_eq!((done + failed) as usize, items(), "none is lost");
    assert_eq!(
        batch["request_counts"],
        serde_json::json!({"total": items(), "completed": done, "failed": failed})
    );
    let differ: Vec<_> = planted
        .iter()
        .filter(|(id, code)| told.get(*id) != Some(code))
        .collect();
    assert!(
        differ.is_empty(),
        "not as planted: {:?}",
        differ
            .iter()
            .map(|(id, code)| (id, code, told.get(*id)))
            .collect::<Vec<_>>()
    );
    println!(
        "RESULT items={} completed={done} failed={failed} killed={}",
        items(),
        victims.len()
    );
    for process in [&mut fleet.api, &mut fleet.migrator, &mut fleet.worker] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

/// Each of the first shards has an image whose host no connection is made to, and whose next try is a minute away. One place for shards
/// would be held by the first of them.
#[tokio::test]
async fn while_shards_wait_for_their_last_images_a_broker_hands_out_others() {
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = [
        ("TAGFLEET_BATCH_SHARD_ITEMS", "5"),
        ("TAGFLEET_MIGRATE_SHARDS", "1"),
        ("TAGFLEET_MIGRATE_WAITING_SHARDS", "2"),
        ("TAGFLEET_MIGRATE_PAUSE_MS", "60000"),
    ];
    let store = folder.path().join("store");
    let mut fleet = Fleet::with(&album, &store, &settings).await;
    let lines: String = (0..30)
        .map(|n| {
            let url = match n {
                2 | 7 => "http://10.0.0.1/nobody.jpg".to_owned(),
                n => album.url(&format!("good-{n}")),
            };
            let line = serde_json::json!({"custom_id": format!("item {n}"), "url": url});
            format!("{line}\n")
        })
        .collect();
    let file = folder.path().join("list.ndjson");
    std::fs::write(&file, lines).expect("written");
    let submitted = fleet
        .api
        .batch(&["submit", "--no-caption", file.to_str().expect("UTF-8")])
        .await;
    let id = submitted.trim();
    let batch = eventually("all but two are done", async || fleet.done(id, 28).await).await;
    assert_eq!(batch["status"], "in_progress");
    assert_eq!(batch["request_counts"]["failed"], 0);
    // What waits goes back as the migrator stops, and is no shard's loss.
    assert_eq!(fleet.migrator.terminate().await, Some(0));
    for process in [&mut fleet.api, &mut fleet.worker] {
        assert_eq!(process.terminate().await, Some(0));
    }
}

#[tokio::test]
async fn the_one_process_goes_on_where_it_was_killed() {
    const FEW: usize = 300;
    let album = Album::start().await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (list, planted) = album.list(FEW);
    let file = folder.path().join("list.ndjson");
    std::fs::write(&file, list).expect("written");
    let settings = [
        (
            "TAGFLEET_STORE_URL",
            format!("file://{}", folder.path().join("store").display()),
        ),
        ("TAGFLEET_FETCH_ALLOW_ORIGINS", album.origins()),
        ("TAGFLEET_FETCH_TIMEOUT_MS", "4000".to_owned()),
        ("TAGFLEET_FETCH_HOST_PAUSE_MS", "500".to_owned()),
        ("TAGFLEET_MIGRATE_PAUSE_MS", "200".to_owned()),
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
    ];
    let mut service = Process::bare("serve", &settings).await;
    let id = service
        .batch(&["submit", "--no-caption", file.to_str().expect("UTF-8")])
        .await
        .trim()
        .to_owned();
    eventually("a third is done", async || {
        let batch: Value =
            serde_json::from_str(&service.get(&format!("/v1/batches/{id}")).await?).ok()?;
        (batch["request_counts"]["completed"].as_u64()? > FEW as u64 / 3).then_some(())
    })
    .await;
    service.kill9();
    let mut service = Process::bare("serve", &settings).await;
    let watched = service.batch(&["status", "--watch", &id]).await;
    assert!(watched.contains("completed: 300 images"), "{watched}");
    let failed = service.batch_lines("errors", &id).await;
    let done = service.batch_lines("results", &id).await;
    let mut told: Vec<_> = done
        .iter()
        .chain(&failed)
        .map(|line| line["custom_id"].as_str().expect("a name"))
        .collect();
    told.sort_unstable();
    let expected: Vec<_> = planted.keys().map(String::as_str).collect();
    assert_eq!(told, expected, "each once");
    assert_eq!(
        failed.len(),
        planted.values().filter(|code| **code != "ok").count()
    );
    assert_eq!(service.terminate().await, Some(0));
}
