//! A whole API server on a port of its own, with a queue and a bus in memory
//! and a worker that is not one. `finish` fails on leftovers.

use std::sync::Arc;

use clap::Parser;
use common::{
    bus::Inbox,
    outside::Outside,
    queue::{JobQueue, Priority, Queue},
    shutdown::Shutdown,
    store::Store,
};
use fetch::{Lookup, World};
use ledger::Ledger;
use resources::Resources;
use serde_json::Value;
use testing::{
    objects::FaultyStore,
    servers::{PATIENCE, eventually},
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};

use crate::support::{
    reply::Reply,
    role::Settings,
    worker::{Behaviour, FakeWorker},
};

const API: &str = "test-api";

/// What a test has that says nothing else: every request is worked on, and a
/// machine that is busy with other tests is late for nothing.
const USUAL: [(&str, &str); 6] = [
    ("--cache", "off"),
    ("--default-timeout-ms", "60000"),
    ("--fetch-timeout-ms", "60000"),
    ("--fetch-connect-timeout-ms", "20000"),
    ("--fetch-first-byte-timeout-ms", "20000"),
    ("--fetch-idle-timeout-ms", "20000"),
];

pub struct Harness {
    pub base: String,
    pub client: reqwest::Client,
    pub inbox: Inbox,
    pub worker: FakeWorker,
    pub ledger: Ledger,
    pub shutdown: Shutdown,
    pub queue: Queue,
    server: Option<JoinHandle<anyhow::Result<()>>>,
    /// Servers beside it.
    others: Vec<JoinHandle<anyhow::Result<()>>>,
    resources: Resources,
}

impl Harness {
    pub async fn start() -> Self {
        Self::with(&[], Behaviour::Answer).await
    }

    /// `args`: options as on the command line.
    pub async fn with(args: &[&str], behaviour: Behaviour) -> Self {
        Self::in_world(args, behaviour, World::default()).await
    }

    pub async fn with_names(args: &[&str], behaviour: Behaviour, names: Arc<dyn Lookup>) -> Self {
        Self::in_world(
            args,
            behaviour,
            World {
                names,
                ..World::default()
            },
        )
        .await
    }

    /// With batches in that store.
    pub async fn with_store(args: &[&str], behaviour: Behaviour, objects: &FaultyStore) -> Self {
        let settings = Self::settings(args);
        let mut resources = Self::open(&settings, World::default()).await;
        resources.ledger = Ledger::new(Store::over(Arc::new(objects.clone())));
        Self::run(settings, resources, behaviour).await
    }

    /// With a bucket of somebody else's at `s3://theirs`.
    pub async fn with_bucket(args: &[&str], behaviour: Behaviour, objects: &FaultyStore) -> Self {
        let settings = Self::settings(args);
        let mut resources = Self::open(&settings, World::default()).await;
        resources.outside = Outside::over("theirs", Arc::new(objects.clone()));
        Self::run(settings, resources, behaviour).await
    }

    pub async fn in_world(args: &[&str], behaviour: Behaviour, world: World) -> Self {
        let settings = Self::settings(args);
        let resources = Self::open(&settings, world).await;
        Self::run(settings, resources, behaviour).await
    }

    fn settings(args: &[&str]) -> Settings {
        let fixed = ["api", "--api-name", API, "--prepare-processes", "2"];
        let usual = USUAL.iter().filter(|(name, _)| !args.contains(name));
        let usual = usual.flat_map(|(name, value)| [name, value]);
        let mut settings = Settings::parse_from(fixed.iter().chain(usual).chain(args));
        settings.resources.prepare.decoder = Some(env!("CARGO_BIN_EXE_prepare-worker").into());
        settings
    }

    async fn open(settings: &Settings, world: World) -> Resources {
        settings.open(world).await.expect("all in memory")
    }

    async fn run(settings: Settings, resources: Resources, behaviour: Behaviour) -> Self {
        let queue = resources.queue.clone();
        let bus = resources.bus.clone();
        let ledger = resources.ledger.clone();
        let worker = FakeWorker::start(queue.clone(), bus.clone(), behaviour).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let shutdown = Shutdown::new();
        let server = Some(settings.run(resources.clone(), listener, shutdown.clone()));
        // The memory bus hands out the inbox that the server itself has.
        let inbox = bus.open_inbox(API).await.expect("an inbox");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            base,
            client,
            inbox,
            worker,
            ledger,
            shutdown,
            queue,
            server,
            others: Vec::new(),
            resources,
        }
    }

    /// Starts another API server of the same fleet, and returns where it answers.
    pub async fn beside(&mut self) -> String {
        let mut settings = Self::settings(&[]);
        settings.api.api_name = Some(format!("{API}-{}", self.others.len() + 2));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let resources = self.resources.clone();
        let server = api_server::run(settings.api, resources, listener, self.shutdown.clone());
        self.others.push(tokio::spawn(server));
        base
    }

    /// What a server that cannot start says.
    pub async fn fails(args: &[&str]) -> String {
        let mut settings = Settings::parse_from(["api"].iter().chain(args));
        settings.resources.prepare.decoder = Some(env!("CARGO_BIN_EXE_prepare-worker").into());
        let failing = async {
            let resources = settings.open(World::default()).await?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            settings.run(resources, listener, Shutdown::new()).await?
        };
        let ended = timeout(PATIENCE, failing).await;
        format!("{:#}", ended.expect("it ends").expect_err("it fails"))
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::read(
            self.client
                .get(self.url(path))
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    pub async fn post_json(&self, body: Value) -> Reply {
        self.post_raw(
            "/v1/tags",
            "application/json",
            body.to_string().into_bytes(),
        )
        .await
    }

    pub async fn post_url(&self, url: &str) -> Reply {
        self.post_json(serde_json::json!({"image": {"url": url}}))
            .await
    }

    /// The value of one of the process's metrics, with its labels as they are written.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.json;
        let mut lines = text.as_str().expect("text").lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    pub async fn post_raw(&self, path: &str, kind: &str, body: Vec<u8>) -> Reply {
        let request = self
            .client
            .post(self.url(path))
            .header("content-type", kind)
            .body(body);
        Reply::read(request.send().await.expect("an answer")).await
    }

    /// Waits until so many requests wait for results.
    pub async fn until_waiting(&self, count: usize) {
        eventually("so many waiters are open", async || {
            (self.inbox.len() == count).then_some(())
        })
        .await;
    }

    /// Stops the server and looks for what was left behind.
    pub async fn finish(mut self) {
        self.shutdown.cancel();
        let server = self.server.take().expect("finished once");
        for server in std::mem::take(&mut self.others).into_iter().chain([server]) {
            let ended = timeout(PATIENCE, server).await.expect("the server ends");
            ended.expect("no panic").expect("no error");
        }
        assert_eq!(self.inbox.len(), 0, "open waiters");
        self.worker.stop().await;
        assert_eq!(
            self.queue
                .depth(JobQueue::Tagging, Priority::Realtime)
                .await
                .expect("a depth")
                .messages,
            0,
            "jobs left, or not acked"
        );
        assert_eq!(
            self.queue.dead_letters().await.expect("a count"),
            0,
            "dead letters"
        );
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        assert!(
            self.server.is_none() || std::thread::panicking(),
            "call finish() at the end of the test"
        );
    }
}
