//! A worker process with its own broker and result store.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use clap::Parser;
use common::{
    bus::{Bus, BusConfig, Inbox, ResultKey},
    model::default_folder,
    queue::{JobQueue, Message, Priority, Queue, QueueConfig},
    stage::Stage,
    wire::{
        self, DEFAULT_TENANT, Features, Job, JobResult, Language, RawTiles, Selection, WIRE_VERSION,
    },
};
use testing::servers::{RabbitMq, Redis, within};
use turbojpeg::{Image, PixelFormat, Subsamp};

const SIDE: usize = 224;
/// On a GPU each size of batch takes seconds.
const WARM_UP: Duration = Duration::from_secs(300);
const BUDGET: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

pub struct Fleet {
    /// Jobs under way at once: two batches of every lane, and some in the queue.
    pub in_flight: usize,
    queue: Queue,
    bus: Bus,
    inbox: Inbox,
    worker: Child,
    probes: String,
    model: String,
    tile: Vec<u8>,
    rabbitmq: RabbitMq,
    redis: Redis,
}

impl Fleet {
    /// A worker of one model, captions off; `more` are further arguments.
    pub async fn start(model: &str, more: &[&str]) -> anyhow::Result<Self> {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        let queue_url = rabbitmq.url();
        let bus_url = redis.url();
        let config =
            Config::parse_from(["bench", "--queue-url", &queue_url, "--bus-url", &bus_url]);
        let queue = Queue::connect(&config.queue).await?;
        let bus = Bus::connect(&config.bus).await?;
        let inbox = bus.open_inbox("bench").await?;
        let probes = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let worker = Command::new(env!("CARGO_BIN_EXE_tagfleet"))
            .args([
                "worker",
                "--model",
                model,
                "--captioner",
                "off",
                "--worker-listen",
                &probes,
            ])
            .args(["--queue-url", &queue_url, "--bus-url", &bus_url])
            .args(more)
            .stderr(Stdio::null())
            .spawn()?;
        let known = async || {
            bus.announced("worker")
                .await
                .ok()
                .filter(|workers| !workers.is_empty())
        };
        within(WARM_UP, "the worker announces itself", known).await;
        // As the API server does once all workers say that they know bundles.
        queue.set_bundles(true);
        let model = model.to_owned();
        let tile = tile()?;
        Ok(Self {
            in_flight: 40,
            queue,
            bus,
            inbox,
            worker,
            probes,
            model,
            tile,
            rabbitmq,
            redis,
        })
    }

    /// Process groups of RabbitMQ and Redis.
    #[allow(dead_code, reason = "one of the two benchmarks asks")]
    pub fn brokers(&self) -> [u32; 2] {
        [self.rabbitmq.group(), self.redis.group()]
    }

    pub fn worker(&self) -> u32 {
        self.worker.id()
    }

    #[allow(dead_code, reason = "one of the two benchmarks decodes it too")]
    pub fn tile(&self) -> &[u8] {
        &self.tile
    }

    /// Images a second, as many jobs under way as the worker can use.
    pub async fn tag_for(&self, time: Duration) -> anyhow::Result<f64> {
        let run = format!("{:x}", self.bus.now_us());
        let job = |n| self.job(format!("bench-{run}-{n}"));
        let done = loadtest::saturate(&self.queue, &self.inbox, self.in_flight, time, job).await?;
        anyhow::ensure!(done.failed == 0, "every tile is a good one");
        Ok(done.per_second())
    }

    #[allow(dead_code, reason = "one of the two benchmarks asks")]
    /// How long one job after the other waited for its batch, in milliseconds: one a second.
    pub async fn idle_waits_ms(&self, jobs: u32) -> anyhow::Result<Vec<f64>> {
        let mut waits_ms = Vec::new();
        for n in 0..jobs {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let job = self.job(format!("bench-idle-{n}"));
            let mut waiter = self.inbox.register(ResultKey {
                tenant: job.tenant.clone(),
                id: job.id.clone(),
            })?;
            let message = Message {
                payload: wire::encode(&job).into(),
                ttl: BUDGET,
            };
            self.queue
                .publish(JobQueue::Tagging, Priority::Realtime, message)
                .await?;
            let result = tokio::time::timeout(BUDGET, waiter.result()).await?;
            let result: JobResult =
                wire::decode(&result.ok_or_else(|| anyhow::anyhow!("no result"))?)?;
            waits_ms.push(
                result
                    .timings
                    .get_ms(Stage::BatchWait)
                    .expect("it was in a batch"),
            );
        }
        Ok(waits_ms)
    }

    /// Sum and count of one of the worker's histograms so far.
    pub async fn sum(&self, histogram: &str) -> anyhow::Result<(f64, f64)> {
        let metrics = reqwest::get(format!("http://{}/metrics", self.probes))
            .await?
            .text()
            .await?;
        let figure = |part: &str| {
            let line = metrics
                .lines()
                .find_map(|line| line.strip_prefix(histogram)?.strip_prefix(part));
            line.and_then(|figure| figure.trim().parse().ok())
                .unwrap_or(0.0)
        };
        Ok((figure("_sum "), figure("_count ")))
    }

    /// Ends the worker, which has nothing left to do.
    pub async fn stop(self) -> anyhow::Result<()> {
        let left = self
            .queue
            .depth(JobQueue::Tagging, Priority::Realtime)
            .await?
            .messages;
        anyhow::ensure!(left == 0, "no job is left over");
        Ok(())
    }

    fn job(&self, id: String) -> Job {
        Job {
            v: WIRE_VERSION,
            id,
            tenant: DEFAULT_TENANT.into(),
            reply_to: self.inbox.name().into(),
            model: self.model.clone(),
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
            published_at_us: self.bus.now_us(),
            budget_ms: BUDGET.as_millis() as u32,
            shed_caption: false,
            also: Vec::new(),
            seal: None,
            pixels: RawTiles::default(),
            tile: self.tile.clone(),
        }
    }
}

fn tile() -> anyhow::Result<Vec<u8>> {
    let photo: PathBuf = default_folder().join("samples/coffee.png");
    let square = image::open(photo)?.resize_to_fill(
        SIDE as u32,
        SIDE as u32,
        image::imageops::FilterType::Triangle,
    );
    let pixels = square.to_rgb8();
    let pixels = pixels.as_raw().as_slice();
    let image = Image {
        pixels,
        width: SIDE,
        pitch: SIDE * 3,
        height: SIDE,
        format: PixelFormat::RGB,
    };
    Ok(turbojpeg::compress(image, 90, Subsamp::Sub2x2)?.to_vec())
}

/// A benchmark that fails leaves no worker behind.
impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}
