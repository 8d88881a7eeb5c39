//! The worker with the real models, over the queue and bus of one process.
//! Needs `make models`.

use std::{path::PathBuf, time::Duration};

use ai_worker::{CaptionerChoice, WorkerConfig};
use bytes::Bytes;
use clap::Parser;
use common::{
    bus::{Bus, BusConfig, Inbox, ResultKey},
    fault::Code,
    queue::{Lane, Message, Queue, QueueConfig},
    shutdown::Shutdown,
    stage::Stage,
    wire::{
        self, CaptionStatus, DEFAULT_TENANT, Features, Job, JobResult, Language, Selection, WIRE_VERSION, WorkerInfo,
    },
};
use tokio::task::JoinHandle;
use turbojpeg::{Image, PixelFormat, Subsamp};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    worker: WorkerConfig,
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

struct Harness {
    queue: Queue,
    bus: Bus,
    inbox: Inbox,
    shutdown: Shutdown,
    worker: JoinHandle<Result<(), ai_worker::WorkerError>>,
}

impl Harness {
    async fn start(captioner: CaptionerChoice) -> Self {
        let mut config = Config::parse_from(["test"]);
        config.worker.captioner = captioner;
        config.worker.worker_name = Some("worker-1".into());
        let queue = Queue::connect(&config.queue).await.expect("memory connects");
        let bus = Bus::connect(&config.bus).await.expect("memory connects");
        let inbox = bus.open_inbox("test").await.expect("memory has inboxes");
        let shutdown = Shutdown::new();
        let running = ai_worker::run(config.worker, queue.clone(), bus.clone(), None, shutdown.clone());
        Self { queue, bus, inbox, shutdown, worker: tokio::spawn(running) }
    }

    async fn tag(&self, job: &Job) -> JobResult {
        let key = ResultKey { tenant: job.tenant.clone(), id: job.id.clone() };
        let mut waiter = self.inbox.register(key).expect("nobody else waits for it");
        let message = Message { payload: Bytes::from(wire::encode(job)), ttl: PATIENCE };
        self.queue.publish(Lane::Realtime, message).await.expect("there is room");
        let answer = tokio::time::timeout(PATIENCE, waiter.result()).await.expect("in time").expect("a result");
        wire::decode(&answer).expect("a result of this version")
    }

    /// Drains the worker, and finds nothing left over.
    async fn stop(self) {
        self.shutdown.cancel();
        self.worker.await.expect("no panic").expect("a clean end");
        assert!(self.inbox.is_empty(), "nobody waits any more");
        assert_eq!(self.queue.depth(Lane::Realtime).await.expect("memory").messages, 0);
        assert_eq!(self.queue.dead_letters().await.expect("memory"), 0);
        assert!(self.bus.announced("worker").await.expect("memory").is_empty(), "the worker took its leave");
    }
}

fn sample(name: &str) -> PathBuf {
    common::model::default_folder().join("samples").join(name)
}

fn tile(name: &str) -> Vec<u8> {
    let picture = image::open(sample(name)).expect("run `make models` first");
    let square = picture.resize_to_fill(224, 224, image::imageops::FilterType::Triangle).to_rgb8();
    let pixels = square.as_raw().as_slice();
    let image = Image { pixels, width: 224, pitch: 224 * 3, height: 224, format: PixelFormat::RGB };
    turbojpeg::compress(image, 90, Subsamp::Sub2x2).expect("encodes").to_vec()
}

fn job(id: &str, tile: Vec<u8>) -> Job {
    Job {
        v: WIRE_VERSION,
        id: id.into(),
        tenant: DEFAULT_TENANT.into(),
        reply_to: "test".into(),
        model: "efficientnet-lite0".into(),
        features: Features { tags: true, caption: true },
        limit: Some(5),
        threshold: Some(0.05),
        language: Language::En,
        selection: Selection::default(),
        published_at_us: 0,
        budget_ms: 60_000,
        tile,
    }
    .published_now()
}

trait PublishedNow {
    fn published_now(self) -> Self;
}

impl PublishedNow for Job {
    fn published_now(mut self) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        self.published_at_us = now.as_micros() as u64;
        self
    }
}

#[tokio::test]
async fn samples_get_their_tags_captions_and_stages() {
    let harness = Harness::start(CaptionerChoice::Llama).await;
    let expected: [(&str, &[&str]); 4] = [
        ("coffee.png", &["espresso", "cup"]),
        ("cat.png", &["cat"]),
        ("palace.jpg", &["palace", "building"]),
        ("motorcycle.png", &["moped", "motor scooter"]),
    ];
    for (file, any_of) in expected {
        let result = harness.tag(&job(file, tile(file))).await;
        assert_eq!((result.id.as_str(), result.worker.as_str()), (file, "worker-1"));
        let tagged = result.outcome.expect("tags");
        println!("{file}: {:?} {:?}", tagged.caption, tagged.tags);
        println!("   {}", serde_json::to_string(&result.timings).expect("serialises"));
        assert!(tagged.tags.iter().any(|tag| any_of.contains(&tag.name.as_str())), "{file}: {:?}", tagged.tags);
        assert!(tagged.tags.len() <= 5);
        assert!(matches!(tagged.caption.status, CaptionStatus::Llm | CaptionStatus::Template));
        assert!(tagged.caption.text.is_some_and(|text| text.ends_with('.')));
        for stage in [Stage::Decode, Stage::BatchWait, Stage::Infer, Stage::Postprocess, Stage::Caption] {
            assert!(result.timings.get_ms(stage).is_some(), "{} was measured", stage.name());
        }
    }
    harness.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let harness = Harness::start(CaptionerChoice::Off).await;
    let good = tile("cat.png");
    let fault = |result: JobResult| result.outcome.expect_err("a fault").code;
    let code = fault(harness.tag(&job("broken", b"no jpeg".to_vec())).await);
    assert_eq!(code, Code::Internal);
    let code = fault(harness.tag(&Job { model: "other".into(), ..job("other", good.clone()) }).await);
    assert_eq!(code, Code::ModelNotFound);
    let code = fault(harness.tag(&Job { budget_ms: 0, ..job("late", good.clone()) }).await);
    assert_eq!(code, Code::DeadlineExceeded);
    let off = harness.tag(&job("off", good)).await.outcome.expect("tags");
    assert_eq!((off.caption.status, off.caption.text), (CaptionStatus::Disabled, None));
    harness.stop().await;
}

#[tokio::test]
async fn a_worker_says_what_it_serves() {
    let harness = Harness::start(CaptionerChoice::Template).await;
    harness.tag(&job("any", tile("flower.jpg"))).await;
    let said = harness.bus.announced("worker").await.expect("memory");
    let info: WorkerInfo = wire::decode(said.first().expect("one worker")).expect("of this version");
    assert_eq!((info.models[0].classes, info.models[0].tile.width), (1000, 224));
    harness.stop().await;
}

#[tokio::test]
async fn korean_is_spoken_and_understood() {
    let harness = Harness::start(CaptionerChoice::Template).await;
    let korean = |file: &str| Job { language: Language::Ko, threshold: None, ..job(file, tile(file)) };
    for file in ["cat.png", "coffee.png", "flower.jpg", "motorcycle.png", "palace.jpg", "rocket.jpg"] {
        let tagged = harness.tag(&korean(file)).await.outcome.expect("tags");
        let tags = tagged.tags.iter().map(|tag| format!("{} {:.2}", tag.name, tag.confidence));
        println!("{file}: {} | {}", tags.collect::<Vec<_>>().join(", "), tagged.caption.text.unwrap_or_default());
    }
    let selection = Selection { include: vec!["고양이".into()], ..Selection::default() };
    let tagged = harness.tag(&Job { selection, ..korean("cat.png") }).await.outcome.expect("tags");
    let cat = tagged.tags.iter().find(|tag| tag.id == "cat").expect("it is one");
    assert_eq!((cat.name.as_str(), cat.category_name.as_str()), ("고양이", "동물"));
    assert!(cat.confidence > 0.8);
    assert!(tagged.tags.iter().all(|tag| tag.id == "cat" || tag.parents.contains(&cat.name)), "{:?}", tagged.tags);
    assert_eq!(tagged.caption.text.as_deref(), Some("고양이가 있는 사진입니다."));
    let selection = Selection { exclude: vec!["고양".into()], ..Selection::default() };
    let fault = harness.tag(&Job { selection, ..korean("cat.png") }).await.outcome.expect_err("no such tag");
    assert_eq!((fault.code, fault.stage), (Code::InvalidRequest, Stage::Postprocess));
    assert!(fault.detail.contains("고양"), "{}", fault.detail);
    harness.stop().await;
}
