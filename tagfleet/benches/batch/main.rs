//! A batch through RabbitMQ with a fake engine: how many images a second come
//! out, and what each process spends on them. Then real-time requests at half
//! of what the workers can do, alone and beside a batch: what the batch costs
//! them, and how much of the other half it uses. Once they bring their images
//! along, so that nothing but the worker takes time, and once they name URLs at
//! a host that takes as long as the internet does. And what a dry run of a
//! tenth says of a batch, against what that batch then does.
//!
//! Everything shares this machine, the origin and the generator too.
//! `BATCH_IMAGES` and `BATCH_SECONDS` change the lengths; `BATCH_PARTS` (`throughput,realtime,forecast`) leaves parts out.

#[path = "../support/mod.rs"]
mod support;

use std::{path::Path, time::Duration};

use anyhow::Context;
use axum::{Router, extract::State, routing::get};
use bytes::Bytes;
use common::shutdown::Shutdown;
use loadtest::{
    cpu::Processes,
    load::{Asked, Image, Plan, Protocol, Shape, run},
    origin::{Behaviour, Delay},
    outcome::{Outcome, Slo},
    photo,
};
use serde_json::{Value, json};
use support::{Process, from_environment, knows_workers, seconds};
use testing::bench::report;
use testing::servers::{RabbitMq, Redis};
use tokio::time::Instant;

/// What the slow worker needs for an image: 50 a second, far less than the rest of this machine can do.
const SLOW_IMAGE_MS: u64 = 20;
const REALTIME_PER_S: f64 = 500.0 / SLOW_IMAGE_MS as f64;

/// Jobs in a message, as it is by default.
const BUNDLE: &str = "8";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let pictures = photo::pictures(32, 224, 224)?;
    let origin = origin(pictures.clone()).await?;
    let parts = from_environment("BATCH_PARTS", "throughput,realtime,forecast".to_owned());
    let mut figures = Vec::new();
    for part in parts.split(',') {
        figures.extend(match part {
            "throughput" => throughput(&origin).await?,
            "realtime" => beside_realtime(&origin, pictures.clone()).await?,
            "forecast" => forecast(&origin).await?,
            other => anyhow::bail!("BATCH_PARTS: there is no part {other:?}"),
        });
    }
    Ok(report("batch", &figures)?)
}

/// With bundles; and beside it what the broker spends where each image has a message of its own.
async fn throughput(origin: &str) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let alone = migrated(origin, "1").await?;
    let mut figures = migrated(origin, BUNDLE).await?;
    let broker = |figures: &[(&str, f64)]| {
        figures
            .iter()
            .find(|(name, _)| *name == "rabbitmq_us")
            .map(|(_, us)| *us)
    };
    let single = broker(&alone);
    let bundled = broker(&figures);
    if let (Some(single), Some(bundled)) = (single, bundled) {
        figures.extend([
            ("rabbitmq_single_us", single),
            ("bundle_gain", single / bundled),
        ]);
    }
    Ok(figures)
}

async fn migrated(origin: &str, bundle: &str) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let images = from_environment("BATCH_IMAGES", 20_000_usize);
    let fleet = Fleet::start(&[origin], "fake:service_ms=1", &[], bundle).await;
    let before = Processes::look();
    let began = Instant::now();
    let batch = fleet.submit(origin, images).await?;
    fleet.until(&batch, "completed").await?;
    let took = began.elapsed().as_secs_f64();
    let after = Processes::look();
    let each = |used_s: f64| used_s * 1e6 / images as f64;
    let alone =
        |process: &Process| each(after.alone_s(process.id()) - before.alone_s(process.id()));
    let below = |process: &Process| {
        each(after.descendants_s(process.id()) - before.descendants_s(process.id()))
    };
    let group = |id: u32| each(after.group_s(id) - before.group_s(id));
    Ok(vec![
        ("images_per_s", images as f64 / took),
        ("api_us", alone(&fleet.api)),
        ("migrator_us", alone(&fleet.migrator)),
        ("decoders_us", below(&fleet.migrator)),
        ("worker_us", alone(&fleet.worker)),
        ("rabbitmq_us", group(fleet.rabbitmq.group())),
        ("redis_us", group(fleet.redis.group())),
    ])
}

async fn beside_realtime(
    origin: &str,
    pictures: Vec<Bytes>,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let engine = format!("fake:image_ms={SLOW_IMAGE_MS}");
    let slow = slow_origin(pictures.clone()).await?;
    let fleet = Fleet::start(&[origin, &slow], &engine, &["--max-batch", "1"], BUNDLE).await;
    let brought = plan(&fleet.api, Image::Body(pictures));
    let named = plan(&fleet.api, Image::Url(format!("{slow}/{{number}}.jpg")));
    let alone = [
        run(&brought, |_, _| {}).await?,
        run(&named, |_, _| {}).await?,
    ];
    // More than can be done meanwhile.
    let batch = fleet.submit(origin, 100_000).await?;
    let before = fleet.done(&batch).await?;
    let began = Instant::now();
    let beside = [
        run(&brought, |_, _| {}).await?,
        run(&named, |_, _| {}).await?,
    ];
    let bulk_per_s = (fleet.done(&batch).await? - before) as f64 / began.elapsed().as_secs_f64();
    let whole_per_s = 1_000.0 / SLOW_IMAGE_MS as f64;
    let left_per_s = whole_per_s - (beside[0].ok_per_s + beside[1].ok_per_s) / 2.0;
    for (what, outcomes) in [
        ("images brought along", [&alone[0], &beside[0]]),
        ("images by URL", [&alone[1], &beside[1]]),
    ] {
        tell(&format!("{what}, alone"), outcomes[0]);
        tell(&format!("{what}, beside a batch"), outcomes[1]);
    }
    println!(
        "the batch: {bulk_per_s:.1} images a second of the {left_per_s:.1} that real-time leaves"
    );
    Ok(vec![
        ("brought_p99_ms", alone[0].latency.p99_ms),
        ("brought_p99_beside_ms", beside[0].latency.p99_ms),
        ("realtime_p99_ms", alone[1].latency.p99_ms),
        ("realtime_p99_beside_ms", beside[1].latency.p99_ms),
        (
            "realtime_p99_moved",
            beside[1].latency.p99_ms / alone[1].latency.p99_ms - 1.0,
        ),
        ("bulk_per_s", bulk_per_s),
        ("bulk_of_the_rest", bulk_per_s / left_per_s),
    ])
}

/// Half of the images come within 80 ms, one in a hundred after 820. The same number takes the same time again.
async fn slow_origin(pictures: Vec<Bytes>) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let delay = Delay::LogNormal {
        median_ms: 80.0,
        sigma: 1.0,
    };
    let behaviour = Behaviour {
        delay,
        drip: None,
        fail: 0.0,
        cut: 0.0,
        seed: 1,
    };
    tokio::spawn(loadtest::origin::serve(
        listener,
        behaviour,
        pictures,
        Shutdown::new(),
    ));
    Ok(base)
}

/// Every twentieth image is missing, every fiftieth is half of one.
async fn forecast(origin: &str) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let images = from_environment("BATCH_IMAGES", 20_000_usize);
    let fleet = Fleet::start(&[origin], "fake:image_ms=4", &[], BUNDLE).await;
    let kind = |n: usize| {
        if n % 20 == 7 {
            "dead-"
        } else if n % 50 == 11 {
            "half-"
        } else {
            ""
        }
    };
    let list = list(images, |n| format!("{origin}/{}{n}.jpg", kind(n)));
    let dry = fleet
        .send("?features=tags&dry_run=0.1", list.clone())
        .await?;
    fleet.until(&dry, "completed").await?;
    let dry = fleet.look(&dry).await?;
    let forecast = &dry["dry_run"]["forecast"];
    println!("{forecast}");
    let began = Instant::now();
    let batch = fleet.send("?features=tags", list).await?;
    fleet.until(&batch, "completed").await?;
    let took_s = began.elapsed().as_secs_f64();
    let failed = fleet.look(&batch).await?["request_counts"]["failed"]
        .as_f64()
        .unwrap_or(0.0);
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let seconds = number(&forecast["seconds"]["expected"]);
    let failures = number(&forecast["failures"]["items"]);
    Ok(vec![
        ("forecast_sampled", number(&forecast["sampled"])),
        ("forecast_s", seconds),
        ("took_s", took_s),
        ("forecast_s_off", (seconds / took_s - 1.0).abs()),
        ("forecast_failures", failures),
        ("failed", failed),
        ("forecast_failures_off", (failures / failed - 1.0).abs()),
    ])
}

fn list(images: usize, url: impl Fn(usize) -> String) -> String {
    (0..images)
        .map(|n| json!({"custom_id": n.to_string(), "url": url(n)}).to_string() + "\n")
        .collect()
}

fn tell(what: &str, outcome: &Outcome) {
    let latency = &outcome.latency;
    println!(
        "{what}: {:.1} a second, p50 {:.1} ms, p99 {:.1} ms",
        outcome.ok_per_s, latency.p50_ms, latency.p99_ms
    );
}

fn plan(api: &Process, image: Image) -> Plan {
    Plan {
        name: "realtime".into(),
        service: api.url(),
        protocol: Protocol::H1,
        connections: 500,
        shape: Shape::Poisson(REALTIME_PER_S),
        lasts: seconds("BATCH_SECONDS", 60),
        warm_up: Duration::from_secs(10),
        seed: 1,
        asked: Asked {
            image,
            caption: false,
            timeout_ms: 5_000,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: 1_000.0,
            percentile: 99.0,
            max_failed: 0.01,
        },
        patience: Duration::from_secs(6),
        max_under_way: 1_000,
    }
}

struct Fleet {
    api: Process,
    migrator: Process,
    worker: Process,
    rabbitmq: RabbitMq,
    redis: Redis,
    client: reqwest::Client,
    _store: tempfile::TempDir,
}

impl Fleet {
    async fn start(origins: &[&str], engine: &str, more: &[&str], bundle: &str) -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        let store = tempfile::tempdir().expect("a temporary folder");
        let urls = [
            "--queue-url",
            &rabbitmq.url(),
            "--bus-url",
            &redis.url(),
            "--queue-bundle",
            bundle,
        ];
        let shared = words(&urls);
        let of = |more: &[&str]| [&shared[..], &words(more)].concat();
        let url = store_url(store.path());
        let worker = [
            "--engine",
            engine,
            "--engine-threads",
            "1",
            "--captioner",
            "off",
        ];
        let worker = Process::role(
            "worker",
            "--worker-listen",
            &of(&[&worker[..], more].concat()),
        )
        .await;
        let origins = origins.join(",");
        let fetching = ["--store-url", &url, "--fetch-allow-origin", &origins];
        let api = Process::role(
            "api",
            "--listen",
            &of(&[&fetching[..], &["--fetch-max-per-host", "500"]].concat()),
        )
        .await;
        let migrating = [&fetching[..], &["--migrate-per-host", "64"]].concat();
        let migrator = Process::role("migrator", "--migrator-listen", &of(&migrating)).await;
        knows_workers(&api, 1).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            api,
            migrator,
            worker,
            rabbitmq,
            redis,
            client: reqwest::Client::new(),
            _store: store,
        }
    }

    async fn submit(&self, origin: &str, images: usize) -> anyhow::Result<String> {
        self.send(
            "?features=tags",
            list(images, |n| format!("{origin}/{n}.jpg")),
        )
        .await
    }

    async fn send(&self, query: &str, list: String) -> anyhow::Result<String> {
        let request = self
            .client
            .post(self.batches(query))
            .header("content-type", "application/x-ndjson");
        let batch: Value = request
            .body(list)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        batch["id"]
            .as_str()
            .map(str::to_owned)
            .context("a batch has an id")
    }

    async fn look(&self, batch: &str) -> anyhow::Result<Value> {
        Ok(self
            .client
            .get(self.batches(&format!("/{batch}")))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    async fn done(&self, batch: &str) -> anyhow::Result<u64> {
        Ok(self.look(batch).await?["request_counts"]["completed"]
            .as_u64()
            .unwrap_or(0))
    }

    async fn until(&self, batch: &str, status: &str) -> anyhow::Result<()> {
        while self.look(batch).await?["status"] != status {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    fn batches(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1/batches{path}", self.api.port)
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn store_url(folder: &Path) -> String {
    format!("file://{}", folder.display())
}

/// Any name is a picture, but for those that say otherwise.
async fn origin(pictures: Vec<Bytes>) -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let picture = async |State(pictures): State<Vec<Bytes>>, path: axum::extract::Path<String>| {
        if path.starts_with("dead-") {
            return Err(http::StatusCode::NOT_FOUND);
        }
        let (half, path) = path
            .strip_prefix("half-")
            .map_or((false, path.as_str()), |rest| (true, rest));
        let number: usize = path
            .split('.')
            .next()
            .and_then(|name| name.parse().ok())
            .unwrap_or(0);
        let picture = &pictures[number % pictures.len()];
        Ok(if half {
            picture.slice(..picture.len() / 2)
        } else {
            picture.clone()
        })
    };
    let router = Router::new()
        .route("/{name}", get(picture))
        .with_state(pictures);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(base)
}
