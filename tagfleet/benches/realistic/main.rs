//! The whole way of photos of 1024 × 768 by URL: fetched from an origin, made
//! tiles, carried, tagged by the real model, answered. The highest rate at
//! which 99 % are answered within the objective, over what bare ONNX Runtime
//! does in its best setting, alone on the machine that all of the fleet,
//! origin and generator share: of tiles (`ratio`), and of the same photos,
//! which then have to be decoded too (`ratio_photos`). Then the same with a
//! fake engine: images a second for each core that was busy, and each stage's share.
//!
//! `REALISTIC_SECONDS` and `REALISTIC_SLO_MS` change length and objective.

#[path = "../worker/bare.rs"]
mod bare;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use ai_worker::engine::{Device, Numbers, Precision};
use anyhow::Context;
use bare::{Bare, Images};
use bytes::Bytes;
use loadtest::{
    find::{Search, find},
    load::{Asked, Image, Plan, Protocol, Shape},
    outcome::{Outcome, Slo},
    photo,
};
use support::{
    Process, from_environment, knows_workers, photos, seconds,
    spent::{Parts, Spent},
    sustained::{below, sustained},
    tell,
};
use testing::bench::report;
use testing::servers::{RabbitMq, Redis};

const MODEL: &str = "efficientnet-lite0";
const ONNX: &[&str] = &["--model", MODEL];
const FAKE: &[&str] = &[
    "--engine",
    "fake:service_ms=1",
    "--engine-threads",
    "1",
    "--max-batch",
    "64",
];

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--part") {
        Some(at) => photos::serve(&words[at + 2], photos()?),
        None => measure(),
    }
}

fn photos() -> turbojpeg::Result<Vec<Bytes>> {
    photos::of_size(1024, 768)
}

#[tokio::main(flavor = "current_thread")]
async fn measure() -> anyhow::Result<()> {
    let (tiles_per_s, photos_per_s) = bare()?;
    let origin = Process::part("origin", &[]).await;
    let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
    let brokers = Brokers { rabbitmq, redis };

    println!("the real tagger");
    let real = Fleet::start(&brokers, &origin, "real", ONNX).await;
    let (tagged, real_spent) = real.highest(&origin, 20.0).await?;
    drop(real);
    println!("a fake engine");
    let fake = Fleet::start(&brokers, &origin, "fake", FAKE).await;
    let (pretended, fake_spent) = fake.highest(&origin, 50.0).await?;
    shares(&pretended);
    let busy = |spent: &Spent, outcome: &Outcome| spent.total_us() / 1e6 * outcome.goodput_per_s;
    report(
        "realistic",
        &[
            ("ratio", tagged.goodput_per_s / tiles_per_s),
            ("ratio_photos", tagged.goodput_per_s / photos_per_s),
            ("images_per_s", tagged.goodput_per_s),
            ("p99_ms", tagged.latency.p99_ms),
            ("bare_tiles_per_s", tiles_per_s),
            ("bare_photos_per_s", photos_per_s),
            ("cores_busy", busy(&real_spent, &tagged)),
            ("fake_images_per_s", pretended.goodput_per_s),
            (
                "fake_images_per_s_per_core",
                pretended.goodput_per_s / busy(&fake_spent, &pretended),
            ),
        ],
    )?;
    Ok(())
}

/// Images a second of ONNX Runtime alone, of tiles and of photos.
fn bare() -> anyhow::Result<(f64, f64)> {
    let bare = Bare::load(MODEL)?;
    let files = &bare.manifest.files;
    let int8 = Precision::Auto.on(Device::Cpu) == Numbers::Int8;
    let graph = if int8 {
        &files.graph_int8
    } else {
        &files.graph
    }
    .as_ref()
    .context("the tagger has a graph")?;
    let photos = photos()?;
    let tile = photo::picture(bare.tile().width.into(), bare.tile().height.into(), 1)?;
    let best = bare.best(graph, Images::Tiles(&tile), Duration::from_secs(2))?;
    let lasts = seconds("REALISTIC_BARE_SECONDS", 8);
    Ok((
        bare.rate(graph, best, Images::Tiles(&tile), lasts)?,
        bare.rate(graph, best, Images::Photos(&photos), lasts)?,
    ))
}

fn shares(outcome: &Outcome) {
    let whole: f64 = outcome.stages.iter().map(|stage| stage.mean_ms).sum();
    for stage in &outcome.stages {
        println!(
            "  {:<12} {:>8.2} ms {:>5.1} %",
            stage.stage,
            stage.mean_ms,
            stage.mean_ms / whole * 100.0
        );
    }
}

struct Brokers {
    rabbitmq: RabbitMq,
    redis: Redis,
}

struct Fleet<'a> {
    api: Process,
    worker: Process,
    brokers: &'a Brokers,
}

impl<'a> Fleet<'a> {
    async fn start(brokers: &'a Brokers, origin: &Process, prefix: &str, engine: &[&str]) -> Self {
        let queue = brokers.rabbitmq.url();
        let bus = brokers.redis.url();
        let port = origin.port.to_string();
        let source = origin.url();
        let source = source.as_str().trim_end_matches('/');
        let shared = [
            "--queue-url",
            &queue,
            "--bus-url",
            &bus,
            "--queue-prefix",
            prefix,
            "--bus-prefix",
            prefix,
        ];
        let words = |more: &[&str]| {
            [&shared[..], more]
                .concat()
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let worker = words(&[engine, &["--captioner", "off"]].concat());
        let api = words(&[
            "--fetch-allow-origin",
            source,
            "--fetch-ports",
            &port,
            "--fetch-max-per-host",
            "1000",
            "--prepare-queue",
            "1024",
        ]);
        let worker = Process::role("worker", "--worker-listen", &worker).await;
        let api = Process::role("api", "--listen", &api).await;
        knows_workers(&api, 1).await;
        Self {
            api,
            worker,
            brokers,
        }
    }

    /// A little below the highest rate that is found.
    async fn highest(&self, origin: &Process, from: f64) -> anyhow::Result<(Outcome, Spent)> {
        let plan = plan(&self.api, origin);
        let found = find(
            &plan,
            Search {
                from,
                up_to: 5_000.0,
                precision: 0.05,
                tries: 2,
            },
            tell,
        )
        .await?;
        let highest = found
            .best()
            .context("no rate meets the objective")?
            .offered_per_s;
        let longer = Plan {
            lasts: plan.lasts * 2,
            ..plan
        };
        let (_, outcome, spent) = sustained(&longer, &below(highest), &self.parts(origin)).await?;
        spent.tell("all of it");
        anyhow::ensure!(
            outcome.missed().is_empty(),
            "the objective was missed: {}",
            outcome.missed().join(", ")
        );
        Ok((outcome, spent))
    }

    fn parts(&self, origin: &Process) -> Parts {
        Parts {
            alone: vec![
                ("api", self.api.id()),
                ("worker", self.worker.id()),
                ("generator", std::process::id()),
                ("origin", origin.id()),
            ],
            descendants: vec![("decoders", self.api.id())],
            groups: vec![
                ("rabbitmq", self.brokers.rabbitmq.group()),
                ("redis", self.brokers.redis.group()),
            ],
        }
    }
}

fn plan(api: &Process, origin: &Process) -> Plan {
    let image = Image::Url(format!("{}{{number}}.jpg", origin.url()));
    Plan {
        name: "realistic".into(),
        service: api.url(),
        protocol: Protocol::H1,
        connections: 2_000,
        shape: Shape::Poisson(1.0),
        lasts: seconds("REALISTIC_SECONDS", 15),
        warm_up: Duration::from_secs(3),
        seed: 1,
        asked: Asked {
            image,
            caption: false,
            timeout_ms: 10_000,
            distinct: None,
            api_key: None,
        },
        batch_lines: None,
        slo: Slo {
            ms: from_environment("REALISTIC_SLO_MS", 1_500.0),
            percentile: 99.0,
            max_failed: 0.001,
        },
        patience: Duration::from_secs(11),
        max_under_way: 5_000,
    }
}
