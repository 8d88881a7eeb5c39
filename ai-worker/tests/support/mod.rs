//! A worker over the queue and bus of one process.

#![allow(dead_code, reason = "each program uses a part of it")]

pub mod onnx;
pub mod servers;
pub mod tiny;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ai_worker::{CaptionerChoice, WorkerConfig, WorkerError};
use bytes::Bytes;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig, Inbox, ResultKey},
    queue::{JobQueue, Message, Priority, Queue, QueueConfig},
    shutdown::Shutdown,
    wire::{
        self, DEFAULT_TENANT, Features, Job, JobResult, Language, RawTiles, Selection,
        WIRE_VERSION, WorkerInfo,
    },
};
use testing::servers::eventually;
use tokio::task::JoinHandle;
use turbojpeg::{Image, PixelFormat, Subsamp};

pub const PATIENCE: Duration = Duration::from_secs(180);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

pub struct Harness {
    pub queue: Queue,
    pub bus: Bus,
    pub inbox: Inbox,
    pub shutdown: Shutdown,
    pub worker: JoinHandle<Result<(), WorkerError>>,
}

impl Harness {
    pub async fn start(captioner: CaptionerChoice) -> Self {
        Self::start_with(|config| config.captioner = captioner).await
    }

    pub async fn start_with(change: impl FnOnce(&mut WorkerConfig)) -> Self {
        Self::start_at("memory:", change).await
    }

    /// With a bus that others may share.
    pub async fn start_at(bus_url: &str, change: impl FnOnce(&mut WorkerConfig)) -> Self {
        let mut config = Config::parse_from(["test", "--bus-url", bus_url]);
        config.worker.captioner = CaptionerChoice::Off;
        config.worker.worker_name = Some("worker-1".into());
        change(&mut config.worker);
        let queue = Queue::connect(&config.queue)
            .await
            .expect("memory connects");
        let bus = Bus::connect(&config.bus).await.expect("the bus connects");
        let inbox = bus.open_inbox("test").await.expect("an inbox");
        let shutdown = Shutdown::new();
        let running = ai_worker::run(
            config.worker,
            queue.clone(),
            bus.clone(),
            None,
            shutdown.clone(),
        );
        Self {
            queue,
            bus,
            inbox,
            shutdown,
            worker: tokio::spawn(running),
        }
    }

    /// Starts another worker beside the first, which ends with it.
    pub async fn join(&self, name: &str, change: impl FnOnce(&mut WorkerConfig)) {
        let mut config = Config::parse_from(["test"]).worker;
        config.captioner = CaptionerChoice::Off;
        config.worker_name = Some(name.into());
        change(&mut config);
        let running = ai_worker::run(
            config,
            self.queue.clone(),
            self.bus.clone(),
            None,
            self.shutdown.clone(),
        );
        tokio::spawn(running);
        self.knows(name).await;
    }

    /// Returns once a worker of that name has announced itself.
    pub async fn knows(&self, name: &str) {
        eventually("the worker is there", async || {
            let said = self.bus.announced("worker").await.ok()?;
            let mut infos = said
                .iter()
                .filter_map(|said| wire::decode::<WorkerInfo>(said).ok());
            infos.find(|info| info.worker == name)
        })
        .await;
    }

    pub async fn tag(&self, job: &Job) -> JobResult {
        self.tag_in(Priority::Realtime, job).await
    }

    pub async fn tag_in(&self, priority: Priority, job: &Job) -> JobResult {
        let key = ResultKey {
            tenant: job.tenant.clone(),
            id: job.id.clone(),
        };
        let mut waiter = self.inbox.register(key).expect("nobody else waits for it");
        let message = Message {
            payload: Bytes::from(wire::encode(job)),
            ttl: PATIENCE,
        };
        self.queue
            .publish(JobQueue::Tagging, priority, message)
            .await
            .expect("there is room");
        let answer = tokio::time::timeout(PATIENCE, waiter.result())
            .await
            .expect("in time")
            .expect("a result");
        wire::decode(&answer).expect("a result of this version")
    }

    /// Drains the worker, and finds nothing left over.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.worker.await.expect("no panic").expect("a clean end");
        assert!(self.inbox.is_empty(), "nobody waits any more");
        assert_eq!(
            self.queue
                .depth(JobQueue::Tagging, Priority::Realtime)
                .await
                .expect("memory")
                .messages,
            0
        );
        assert_eq!(
            self.queue
                .depth(JobQueue::Tagging, Priority::Bulk)
                .await
                .expect("memory")
                .messages,
            0
        );
        assert_eq!(self.queue.dead_letters().await.expect("memory"), 0);
        assert!(
            self.bus
                .announced("worker")
                .await
                .expect("memory")
                .is_empty(),
            "the worker took its leave"
        );
    }
}

/// JPEG of `pixels`, RGB.
pub fn encode(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let image = Image {
        pixels,
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    turbojpeg::compress(image, 90, Subsamp::None)
        .expect("encodes")
        .to_vec()
}

pub fn job(id: &str, model: &str, tile: Vec<u8>) -> Job {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    Job {
        v: WIRE_VERSION,
        id: id.into(),
        tenant: DEFAULT_TENANT.into(),
        reply_to: "test".into(),
        model: model.into(),
        features: Features {
            tags: true,
            caption: true,
            ..Features::default()
        },
        limit: Some(5),
        threshold: Some(0.05),
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
        published_at_us: now.as_micros() as u64,
        budget_ms: 60_000,
        shed_caption: false,
        also: Vec::new(),
        seal: None,
        pixels: RawTiles::default(),
        tile,
    }
}
