//! Worker throughput through RabbitMQ and Redis over bare ONNX Runtime in its
//! best setting on this machine, both sides in turn in one run.
//!
//! The worker is a process of its own and does all its work, tile decode
//! included, captions off; broker, Redis and this generator share the machine
//! with it. `BENCH_ROUNDS` and `BENCH_SECONDS` change the length.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ai_worker::engine::{Engine, Environment, Onnx, Setting as EngineSetting};
use clap::Parser;
use common::{
    bench::{Spread, report},
    bus::{Bus, BusConfig},
    model::{Manifest, default_folder},
    queue::{Lane, Queue, QueueConfig},
    testing::{RabbitMq, Redis, eventually},
    wire::{DEFAULT_TENANT, Features, Job, Language, Selection, WIRE_VERSION},
};
use turbojpeg::{Image, PixelFormat, Subsamp};

/// Enough to keep two batches of every lane filled, and some in the queue.
const IN_FLIGHT: usize = 32;
const SIDE: usize = 224;

/// A way of running the model without anything around it.
#[derive(Clone, Copy, Debug)]
struct Setting {
    sessions: usize,
    threads: usize,
    batch: usize,
}

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    queue: QueueConfig,
    #[command(flatten)]
    bus: BusConfig,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = from_environment("BENCH_ROUNDS", 5);
    let time = Duration::from_secs(from_environment("BENCH_SECONDS", 5));
    let bare = Bare::load()?;
    let best = bare.best(time.min(Duration::from_secs(3)));
    let fleet = Fleet::start().await?;
    fleet.tag_for(Duration::from_secs(2)).await?;
    let (mut bare_rates, mut worker_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut worker_cpu, mut generator_cpu) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let bare_rate = bare.rate(best, time);
        let before = (cpu_seconds(fleet.worker.id()), cpu_seconds(std::process::id()));
        let worker_rate = fleet.tag_for(time).await?;
        let images = worker_rate * time.as_secs_f64();
        worker_cpu.push((cpu_seconds(fleet.worker.id()) - before.0) * 1e3 / images);
        generator_cpu.push((cpu_seconds(std::process::id()) - before.1) * 1e3 / images);
        println!("round {round}: bare {bare_rate:.1} images/s, worker {worker_rate:.1} images/s");
        bare_rates.push(bare_rate);
        worker_rates.push(worker_rate);
        ratios.push(worker_rate / bare_rate);
    }
    fleet.stop().await;
    let ratio = Spread::of(&ratios);
    report(
        "worker",
        &[
            ("ratio", ratio.median),
            ("ratio_min", ratio.min),
            ("ratio_max", ratio.max),
            ("worker_images_per_s", Spread::of(&worker_rates).median),
            ("bare_images_per_s", Spread::of(&bare_rates).median),
            ("worker_cpu_ms", Spread::of(&worker_cpu).median),
            ("generator_cpu_ms", Spread::of(&generator_cpu).median),
            ("bare_sessions", best.sessions as f64),
            ("bare_threads", best.threads as f64),
            ("bare_batch", best.batch as f64),
            ("rounds", rounds as f64),
        ],
    )?;
    Ok(())
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Processor time that a process has used, all its threads together.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // Behind the name in brackets; user and system time are the 12th and 13th field there, in hundredths.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

struct Bare {
    manifest: Manifest,
    graph: Vec<u8>,
    environment: Environment,
}

impl Bare {
    fn load() -> Result<Self, Box<dyn std::error::Error>> {
        let manifest = Manifest::read(&default_folder().join("efficientnet-lite0"))?;
        let graph = manifest.verified(manifest.require(&manifest.files.graph, "files.graph")?)?;
        let environment = Onnx::environment(&default_folder().join("onnxruntime/libonnxruntime.so"))?;
        Ok(Self { manifest, graph, environment })
    }

    /// The fastest of what a careful user would try.
    fn best(&self, time: Duration) -> Setting {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let one_wide = [1, 4].map(|batch| Setting { sessions: cores, threads: 1, batch });
        let all_wide = [1, 8].map(|batch| Setting { sessions: 1, threads: cores, batch });
        let rated = one_wide.into_iter().chain(all_wide).map(|setting| {
            let rate = self.rate(setting, time);
            println!("bare ONNX Runtime, {setting:?}: {rate:.1} images/s");
            (setting, rate)
        });
        let best = rated.max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map(|(setting, _)| setting).expect("there are settings")
    }

    /// Images a second, all sessions together.
    fn rate(&self, setting: Setting, time: Duration) -> f64 {
        let pixels = vec![90; SIDE * SIDE * 3];
        let batch = vec![pixels.as_slice(); setting.batch];
        let run = || {
            let threads = EngineSetting::cpu(setting.threads, setting.batch);
            let loaded = Onnx::load(&self.environment, &self.manifest, &self.graph, threads);
            let mut engine = loaded.expect("the model loads");
            engine.infer(&batch).expect("the model runs");
            let (started, mut images) = (Instant::now(), 0);
            while started.elapsed() < time {
                engine.infer(&batch).expect("the model runs");
                images += setting.batch;
            }
            images as f64 / started.elapsed().as_secs_f64()
        };
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..setting.sessions).map(|_| scope.spawn(run)).collect();
            sessions.into_iter().map(|session| session.join().expect("the session ends")).sum()
        })
    }
}

/// A worker process with its own broker and result store.
struct Fleet {
    queue: Queue,
    bus: Bus,
    inbox: common::bus::Inbox,
    worker: Child,
    tile: Vec<u8>,
    _rabbitmq: RabbitMq,
    _redis: Redis,
}

impl Fleet {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::start(), Redis::start());
        let (queue_url, bus_url) = (rabbitmq.url(), redis.url());
        let config = Config::parse_from(["bench", "--queue-url", &queue_url, "--bus-url", &bus_url]);
        let queue = Queue::connect(&config.queue).await?;
        let bus = Bus::connect(&config.bus).await?;
        let inbox = bus.open_inbox("bench").await?;
        let worker = Command::new(env!("CARGO_BIN_EXE_tagfleet"))
            .args(["worker", "--captioner", "off", "--worker-listen", "127.0.0.1:0"])
            .args(["--queue-url", &queue_url, "--bus-url", &bus_url])
            .stderr(Stdio::null())
            .spawn()?;
        let known = async || bus.announced("worker").await.ok().filter(|workers| !workers.is_empty());
        eventually("the worker announces itself", known).await;
        Ok(Self { queue, bus, inbox, worker, tile: tile()?, _rabbitmq: rabbitmq, _redis: redis })
    }

    async fn tag_for(&self, time: Duration) -> Result<f64, loadtest::LoadError> {
        let run = format!("{:x}", self.bus.now_us());
        let job = |n| self.job(format!("bench-{run}-{n}"));
        let done = loadtest::saturate(&self.queue, &self.inbox, IN_FLIGHT, time, job).await?;
        assert_eq!(done.failed, 0, "every tile is a good one");
        Ok(done.per_second())
    }

    fn job(&self, id: String) -> Job {
        Job {
            v: WIRE_VERSION,
            id,
            tenant: DEFAULT_TENANT.into(),
            reply_to: self.inbox.name().into(),
            model: "efficientnet-lite0".into(),
            features: Features { tags: true, caption: false },
            limit: None,
            threshold: None,
            language: Language::En,
            selection: Selection::default(),
            published_at_us: self.bus.now_us(),
            budget_ms: 30_000,
            tile: self.tile.clone(),
        }
    }

    async fn stop(mut self) {
        let left = self.queue.depth(Lane::Realtime).await.expect("the broker answers").messages;
        assert_eq!(left, 0, "no job is left over");
        self.worker.kill().and_then(|()| self.worker.wait()).expect("the worker can be ended");
    }
}

fn tile() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let photo: PathBuf = default_folder().join("samples/coffee.png");
    let square = image::open(photo)?.resize_to_fill(SIDE as u32, SIDE as u32, image::imageops::FilterType::Triangle);
    let pixels = square.to_rgb8();
    let pixels = pixels.as_raw().as_slice();
    let image = Image { pixels, width: SIDE, pitch: SIDE * 3, height: SIDE, format: PixelFormat::RGB };
    Ok(turbojpeg::compress(image, 90, Subsamp::Sub2x2)?.to_vec())
}
