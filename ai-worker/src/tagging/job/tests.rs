mod late;
mod reading;

use std::{
    collections::BTreeMap,
    num::NonZeroU16,
    sync::mpsc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig, ResultKey},
    model::{Fit, ModelKind, Spoken, Subject, TileSpec},
    queue::{Message, Queue, QueueConfig},
    shutdown::Shutdown,
    wire::{
        self, DEFAULT_TENANT, Features, Job, Language, ModelId, ModelInfo, RawTiles, Selection,
        WIRE_VERSION,
    },
};
use tags::{Calibration, TagRules, Taxonomy};
use turbojpeg::{Image, PixelFormat, Subsamp};

use super::*;
use crate::{
    captioning::Captioner,
    consume::consume,
    engine::{Engine, EngineError, FatalSignal, Sizes, Watchdog},
    tagging::{
        EngineThreads, LoadedVersion, Served, Tagger,
        batching::{Batcher, Rules},
    },
};

const TILE: TileSpec = TileSpec {
    width: 8,
    height: 8,
    fit: Fit::Crop,
};
const MAX_BATCH: usize = 2;
/// Two batches of the one engine thread.
const PREFETCH: NonZeroU16 = testing::prefetch(4);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

/// Fake: says what it was given, and waits to be let go.
struct Gated {
    given: mpsc::Sender<usize>,
    go: mpsc::Receiver<()>,
}

impl Engine for Gated {
    fn infer(&mut self, images: &[&[u8]]) -> Result<Vec<f32>, EngineError> {
        self.given.send(images.len()).expect("the test listens");
        self.go.recv().expect("the test goes on");
        Ok(vec![1.0; images.len()])
    }
}

fn served(engine: Gated, batcher: &Arc<Batcher>) -> Arc<Served> {
    model("gated", None, vec![Box::new(engine)], batcher)
}

/// A model with an engine for each engine thread.
fn model(
    name: &str,
    looks_for: Option<Subject>,
    engines: Vec<Box<dyn Engine>>,
    batcher: &Arc<Batcher>,
) -> Arc<Served> {
    let tagger = tagger(name, ModelKind::Softmax, looks_for);
    open(tagger, engines, batcher)
}

fn tagger(name: &str, kind: ModelKind, looks_for: Option<Subject>) -> Tagger {
    let labels = br#"{"classes":[{"name":"cat","category":"animal"}],"parents":{}}"#;
    let model = ModelInfo {
        id: ModelId {
            name: name.into(),
            version: "1".into(),
        },
        kind,
        looks_for,
        licence: String::new(),
        source: String::new(),
        tile: TILE,
        default_limit: 1,
        default_threshold: 0.1,
        classes: 1,
        embedding: None,
    };
    let taxonomy = Taxonomy::from_json(labels).expect("valid labels");
    let rules = TagRules {
        taxonomy,
        calibration: Calibration::NONE,
        kind: model.kind,
        default_threshold: model.default_threshold,
        default_limit: model.default_limit,
        thresholds: BTreeMap::new(),
        weights: 0,
    };
    Tagger {
        rules,
        spoken: Spoken::default(),
        gate: None,
        alphabet: None,
        pieces: None,
        model,
    }
}

fn open(tagger: Tagger, engines: Vec<Box<dyn Engine>>, batcher: &Arc<Batcher>) -> Arc<Served> {
    let loaded = LoadedVersion {
        tagger: Arc::new(tagger),
        engines,
        warm_up: vec![(1, 0.01)],
        sizes: Sizes::any(MAX_BATCH),
    };
    Arc::new(Served::new(
        loaded,
        batcher.clone(),
        Rules {
            sizes: Sizes::any(MAX_BATCH),
            max_wait: None,
        },
    ))
}

fn tile() -> Vec<u8> {
    let pixels = [90; 8 * 8 * 3].as_slice();
    let image = Image {
        pixels,
        width: 8,
        pitch: 24,
        height: 8,
        format: PixelFormat::RGB,
    };
    turbojpeg::compress(image, 90, Subsamp::None)
        .expect("encodes")
        .to_vec()
}

fn job(n: usize, bus: &Bus) -> Message {
    let job = Job {
        v: WIRE_VERSION,
        id: format!("job-{n}"),
        tenant: DEFAULT_TENANT.into(),
        reply_to: "nobody".into(),
        model: "gated".into(),
        features: Features {
            tags: true,
            caption: false,
            ..Features::default()
        },
        limit: None,
        threshold: None,
        language: Language::En,
        selection: Selection::default(),
        vocabulary: None,
        tenant_words: false,
        published_at_us: bus.now_us(),
        budget_ms: 60_000,
        shed_caption: false,
        also: Vec::new(),
        seal: None,
        pixels: RawTiles::default(),
        tile: tile(),
    };
    Message {
        payload: Bytes::from(wire::encode(&job)),
        ttl: Duration::from_secs(60),
    }
}

fn key(n: usize) -> ResultKey {
    ResultKey {
        tenant: DEFAULT_TENANT.into(),
        id: format!("job-{n}"),
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "not in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A worker of one engine thread, whose engine waits for the test.
struct Room {
    queue: Queue,
    bus: Bus,
    batcher: Arc<Batcher>,
    batches: mpsc::Receiver<usize>,
    go: mpsc::Sender<()>,
    threads: EngineThreads,
    shutdown: Shutdown,
    working: tokio::task::JoinHandle<()>,
}

impl Room {
    async fn open() -> Self {
        Self::after(async |_, _| {}).await
    }

    /// Opens once something was done without a worker.
    async fn after(before: impl AsyncFnOnce(&Queue, &Bus)) -> Self {
        let config = Config::parse_from(["test"]);
        let queue = Queue::connect(&config.queue).await;
        let bus = Bus::connect(&config.bus).await;
        let queue = queue.expect("memory connects");
        let bus = bus.expect("memory connects");
        before(&queue, &bus).await;
        let (given, batches) = mpsc::channel();
        let (go, gate) = mpsc::channel();
        let batcher = Arc::new(Batcher::new(1, 16));
        let served = served(Gated { given, go: gate }, &batcher);
        let threads = EngineThreads::start(
            1,
            &batcher,
            &Arc::new(Watchdog::new(1, Duration::from_secs(60))),
            &FatalSignal::default(),
        );
        let worker = TaggingWorker {
            name: "worker".into(),
            bus: bus.clone(),
            cancelled: Cancelled::open(&bus),
            models: Arc::new(Models::new(vec![served])),
            forwarding: Forwarding::new(queue.clone(), bus.clone()),
            captions: Arc::new(CaptionStage::Here(Arc::new(Captioner::off()))),
            caption_timeout: Duration::from_secs(1),
            decoding: Decoding::Ahead,
        };
        let shutdown = Shutdown::new();
        let working = {
            let queue = queue.clone();
            let shutdown = shutdown.clone();
            tokio::spawn(async move {
                consume(
                    Arc::new(worker),
                    &queue,
                    JobQueue::Tagging,
                    PREFETCH,
                    shutdown,
                )
                .await
            })
        };
        Self {
            queue,
            bus,
            batcher,
            batches,
            go,
            threads: threads.expect("a thread starts"),
            shutdown,
            working,
        }
    }

    async fn publish(&self, jobs: std::ops::Range<usize>) {
        for n in jobs {
            self.queue
                .publish(JobQueue::Tagging, Priority::Realtime, job(n, &self.bus))
                .await
                .expect("there is room");
        }
    }

    /// Once the engine has its first batch: how large it is.
    async fn first(&self) -> usize {
        let mut first = None;
        until("the engine has a batch", async || {
            first = first.or_else(|| self.batches.try_recv().ok());
            first.is_some()
        })
        .await;
        first.unwrap_or_default()
    }

    async fn left(&self) -> u64 {
        self.queue
            .depth(JobQueue::Tagging, Priority::Realtime)
            .await
            .expect("memory")
            .messages
    }

    /// Lets the engine go on, ends the worker, and answers how many images the engine was given since.
    async fn drain(self) -> usize {
        for _ in 0..8 {
            self.go.send(()).expect("the engine waits");
        }
        until("all are taken", async || self.left().await == 0).await;
        self.shutdown.cancel();
        self.working.await.expect("drained");
        self.threads.stop().await;
        let left = self
            .queue
            .depth(JobQueue::Tagging, Priority::Realtime)
            .await
            .expect("memory")
            .messages;
        assert_eq!(left, 0);
        self.batches.try_iter().sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_batch_is_decoded_and_in_the_queue_while_one_computes_and_the_rest_stays_at_the_broker()
 {
    let room = Room::open().await;
    room.publish(0..8).await;
    let first = room.first().await;
    until("the others are in the queue", async || {
        room.batcher.waiting() == usize::from(PREFETCH.get()) - first
    })
    .await;
    assert_eq!(room.left().await, 8 - u64::from(PREFETCH.get()));
    assert_eq!(first + room.drain().await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_comes_again_and_has_its_result_is_not_done_again() {
    let room = Room::after(async |queue, bus| {
        for n in 0..2 {
            let published = queue.publish(JobQueue::Tagging, Priority::Realtime, job(n, bus));
            published.await.expect("there is room");
        }
        let mut died = queue.consume(JobQueue::Tagging, PREFETCH, Shutdown::new());
        let held = [died.next().await, died.next().await];
        // The first had its result, and no ack.
        let done = key(0);
        let stored = bus.store_result("nobody", &done, "its result".into());
        stored.await.expect("stored");
        drop(held);
    });
    let room = room.await;
    let bus = room.bus.clone();
    assert_eq!(room.drain().await, 1, "the one without a result is done");
    let kept = bus.result(&key(0)).await.expect("memory");
    assert_eq!(kept, Some("its result".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_never_sees_a_job_whose_client_has_left() {
    let room = Room::open().await;
    let bus = room.bus.clone();
    let leave = async |n| {
        bus.cancel(&key(n), Duration::from_secs(60))
            .await
            .expect("stored")
    };
    leave(4).await;
    // Alone, since tiles are decoded at once and come into the queue in any order.
    room.publish(0..1).await;
    let first = room.first().await;
    room.publish(1..6).await;
    until("the others are in the queue", async || {
        room.batcher.waiting() == usize::from(PREFETCH.get()) - first
    })
    .await;
    leave(3).await;
    // Its place, and that of the one after it, are taken by the last.
    until("it is let go", async || room.left().await == 0).await;
    assert_eq!(
        first + room.drain().await,
        4,
        "one had left before it came, one while it was in the queue"
    );
    for n in [3, 4] {
        assert_eq!(bus.result(&key(n)).await.expect("memory"), None);
    }
    for n in [0, 1, 2, 5] {
        let result = bus
            .result(&key(n))
            .await
            .expect("memory")
            .expect("a result");
        assert!(
            wire::decode::<wire::JobResult>(&result).is_ok_and(|result| result.outcome.is_ok()),
            "job {n}"
        );
    }
}
