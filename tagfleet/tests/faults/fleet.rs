//! A fleet with a fake engine, a Redis, an origin and a store of its own.

use std::path::Path;

use common::queue::{JobQueue, Priority, Queue, QueueConfig, QueueKind};
use tempfile::TempDir;
use testing::servers::{Redis, eventually, unique};

use crate::support::{album::Album, process::Process};

pub type Settings = Vec<(&'static str, String)>;

pub struct Fleet {
    pub album: Album,
    pub redis: Redis,
    pub folder: TempDir,
    prefix: String,
    settings: Settings,
}

impl Fleet {
    /// At that broker, with nobody in it yet.
    pub async fn at(queue_url: &str) -> Self {
        let redis = Redis::start().await;
        let album = Album::start().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = unique("faults");
        let store = format!("file://{}", folder.path().join("store").display());
        let mut settings = small(&album);
        settings.extend([
            ("TAGFLEET_QUEUE_URL", queue_url.to_owned()),
            ("TAGFLEET_BUS_URL", redis.url()),
            ("TAGFLEET_QUEUE_PREFIX", prefix.clone()),
            ("TAGFLEET_STORE_URL", store),
        ]);
        Self {
            album,
            redis,
            folder,
            prefix,
            settings,
        }
    }

    /// Before the names of its queues.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What all processes get that come from now on.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.push((name, value.into()));
    }

    pub fn settings(&self, more: &[(&'static str, String)]) -> Settings {
        [&self.settings[..], more].concat()
    }

    pub async fn worker(&self, name: &str, more: &[(&'static str, String)]) -> Process {
        Process::worker(name, &self.settings(more)).await
    }

    /// Ready once it knows a worker.
    pub async fn api(&self, more: &[(&'static str, String)]) -> Process {
        Process::bare("api", &self.settings(more)).await
    }

    pub async fn migrator(&self, more: &[(&'static str, String)]) -> Process {
        Process::bare("migrator", &self.settings(more)).await
    }

    /// A role that may be dead before it is ready.
    pub fn begin(&self, role: &str, more: &[(&'static str, String)]) -> Process {
        Process::begun(role, &self.settings(more))
    }

    /// Arms a fail point, once; the file says when it was reached.
    pub fn fail_once(&self, point: &str, action: &str) -> (&'static str, String) {
        let marker = self.marker(point);
        (
            "TAGFLEET_FAIL_POINTS",
            format!("{point}={action}@{}", marker.display()),
        )
    }

    /// Once the fail point was reached.
    pub async fn failed_at(&self, point: &str) {
        let marker = self.marker(point);
        eventually(point, async || marker.exists().then_some(())).await;
    }

    fn marker(&self, point: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{point}.reached"))
    }

    /// The queues themselves, as a role would have them.
    pub async fn queue(&self) -> Queue {
        let setting = |name: &str| {
            let found = self.settings.iter().rev().find(|(key, _)| *key == name);
            found.expect("it is set").1.clone()
        };
        let config = QueueConfig {
            queue_url: setting("TAGFLEET_QUEUE_URL"),
            queue_realtime: QueueKind::Quorum,
            queue_ca_file: None,
            queue_declare: true,
            queue_prefix: self.prefix.clone(),
            queue_max_length: 20_000,
            queue_bundle: 8,
            queue_max_attempts: 3,
            queue_publish_timeout_ms: 2_000,
        };
        Queue::connect(&config).await.expect("the broker is there")
    }

    /// Once nothing waits at the broker, and nothing was given up but `dead` jobs.
    pub async fn leaves_nothing(&self, dead: u64) {
        let queue = self.queue().await;
        for priority in [Priority::Realtime, Priority::Bulk] {
            eventually("the queue is empty", async || {
                let depth = queue.depth(JobQueue::Tagging, priority).await.ok()?;
                (depth.messages == 0).then_some(())
            })
            .await;
        }
        eventually("no shard waits", async || {
            let shards = queue.shard_depth().await.ok()?;
            (shards.messages == 0).then_some(())
        })
        .await;
        let given_up = queue.dead_letters().await.expect("the broker is there");
        assert_eq!(given_up, dead, "dead letters");
        queue.close().await;
    }
}

/// Jobs that a worker got at a later attempt than the first, by its log.
pub fn redelivered(worker: &Process) -> usize {
    let log = worker.logged();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let jobs = lines.filter(|line| line["attempt"].is_u64());
    jobs.filter(|line| line["attempt"] != 1).count()
}

/// All in one process, over memory, but for batches.
pub async fn serve(album: &Album, store: &Path, more: &[(&'static str, String)]) -> Process {
    let store = format!("file://{}", store.display());
    let settings = [&small(album)[..], &[("TAGFLEET_STORE_URL", store)], more].concat();
    Process::bare("serve", &settings).await
}

/// A fleet that needs little of a machine, and does not wait long.
pub fn small(album: &Album) -> Settings {
    vec![
        ("TAGFLEET_FETCH_ALLOW_ORIGINS", album.origins()),
        ("TAGFLEET_FETCH_TIMEOUT_MS", "4000".to_owned()),
        ("TAGFLEET_FETCH_HOST_PAUSE_MS", "300".to_owned()),
        ("TAGFLEET_MIGRATE_PAUSE_MS", "200".to_owned()),
        ("TAGFLEET_MIGRATE_JOB_TIMEOUT_MS", "15000".to_owned()),
        ("TAGFLEET_BATCH_SHARD_ITEMS", "20".to_owned()),
        ("TAGFLEET_PREPARE_PROCESSES", "1".to_owned()),
        ("TAGFLEET_WORKERS_REFRESH_MS", "500".to_owned()),
        ("TAGFLEET_ENGINE", "fake:service_ms=5".to_owned()),
        ("TAGFLEET_ENGINE_THREADS", "1".to_owned()),
        ("TAGFLEET_CAPTIONER", "off".to_owned()),
    ]
}
