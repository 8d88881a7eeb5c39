//! The message plane: how many requests a second pass HTTP, RabbitMQ, a worker
//! and Redis when images are small and the engine is fake, and what each
//! process spends on one. Beside it a floor: a program that moves the same
//! bytes through lapin and redis, and does nothing else.
//!
//! Images come as tiles that are made already: neither the API server nor the
//! worker decodes one. With `PLANE_DECODE=1` both do, as in the fleet.
//!
//! Everything shares this machine, the generator too. `PLANE_SECONDS`,
//! `PLANE_SLO_MS` and `PLANE_FROM` change the length, the objective and the
//! rate to begin with; with `PLANE_RATE` nothing is searched, and that rate is sustained.

mod api;
mod floor;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use anyhow::Context;
use loadtest::{
    find::{Search, find},
    load::{Asked, Image, Plan, Protocol, Shape},
    outcome::{Outcome, Slo},
    photo,
};
use support::{
    Process, from_environment, knows_workers, seconds,
    spent::{Parts, Spent},
    sustained::{below, sustained},
    tell,
};
use testing::bench::report;
use testing::servers::{RabbitMq, Redis};

const SIDE: usize = 224;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().position(|word| word == "--part") {
        Some(at) => part(&words[at + 2..]),
        None => measure(),
    }
}

#[tokio::main]
async fn part(words: &[String]) -> anyhow::Result<()> {
    api::serve(words).await
}

#[tokio::main(flavor = "current_thread")]
async fn measure() -> anyhow::Result<()> {
    let decodes = from_environment("PLANE_DECODE", 0) == 1;
    let fleet = Fleet::start(decodes).await;
    let tiles = photo::pictures(32, SIDE, SIDE)?;
    let tile_bytes = tiles.iter().map(bytes::Bytes::len).sum::<usize>() / tiles.len();
    let made = if decodes {
        "decoded and made again"
    } else {
        "already made, decoded by nobody"
    };
    println!("tiles of {tile_bytes} bytes, {made}; fake engine; all on this machine");
    let plan = plan(&fleet.api, Image::Body(tiles));
    let rates = match from_environment("PLANE_RATE", 0.0) {
        0.0 => below(highest(&plan).await?),
        rate => vec![rate],
    };
    let longer = Plan {
        lasts: seconds("PLANE_SECONDS", 20),
        ..plan
    };
    let (rate, outcome, fleet_spent) = sustained(&longer, &rates, &fleet.parts()).await?;
    fleet_spent.tell("the fleet");
    let parts = fleet.floor_parts();
    let floor = floor::run(
        &fleet.rabbitmq.url(),
        &fleet.redis.url(),
        rate,
        longer.lasts,
        tile_bytes,
    )
    .await?;
    let floor_spent = parts.since(&floor.before, &floor.after, floor.moved);
    println!(
        "the floor, at the same rate: {} moved, p99 {:.1} ms",
        floor.moved,
        floor.latencies.percentile_ms(99.0)
    );
    floor_spent.tell("the floor");
    conclude(&outcome, &fleet_spent, &floor_spent)?;
    anyhow::ensure!(
        outcome.missed().is_empty(),
        "the objective was missed: {}",
        outcome.missed().join(", ")
    );
    Ok(())
}

async fn highest(plan: &Plan) -> anyhow::Result<f64> {
    let from = from_environment("PLANE_FROM", 100.0);
    let found = find(
        plan,
        Search {
            from,
            up_to: 20_000.0,
            precision: 0.08,
            tries: 2,
        },
        tell,
    )
    .await?;
    Ok(found
        .best()
        .context("no rate meets the objective")?
        .offered_per_s)
}

/// The processes that decode are no part of the message plane, and stand beside it.
fn conclude(outcome: &Outcome, fleet: &Spent, floor: &Spent) -> anyhow::Result<()> {
    let plane = fleet.sum_us(&["api", "worker", "rabbitmq", "redis"]);
    let least = floor.sum_us(&["floor", "rabbitmq", "redis"]);
    let mut figures = vec![
        ("rps", outcome.goodput_per_s),
        ("p99_ms", outcome.latency.p99_ms),
        ("failed", outcome.failures() as f64),
        ("over_floor", plane / least),
        ("plane_us", plane),
        ("floor_us", least),
    ];
    let name = |part: &'static str| match part {
        "api" => "api_us",
        "decoders" => "decoders_us",
        "worker" => "worker_us",
        "rabbitmq" => "rabbitmq_us",
        "redis" => "redis_us",
        _ => "generator_us",
    };
    figures.extend(fleet.parts.iter().map(|(part, us)| (name(part), *us)));
    Ok(report("plane", &figures)?)
}

fn plan(api: &Process, image: Image) -> Plan {
    Plan {
        name: "plane".into(),
        service: api.url(),
        protocol: Protocol::H1,
        connections: 2_000,
        shape: Shape::Poisson(1.0),
        lasts: Duration::from_secs(8),
        warm_up: Duration::from_secs(2),
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
            ms: from_environment("PLANE_SLO_MS", 50.0),
            percentile: 99.0,
            max_failed: 0.001,
        },
        patience: Duration::from_secs(6),
        max_under_way: 5_000,
    }
}

struct Fleet {
    api: Process,
    worker: Process,
    rabbitmq: RabbitMq,
    redis: Redis,
}

impl Fleet {
    async fn start(decodes: bool) -> Self {
        let (rabbitmq, redis) = tokio::join!(RabbitMq::on_disk(), Redis::start());
        let shared = [
            "--queue-url".to_owned(),
            rabbitmq.url(),
            "--bus-url".to_owned(),
            redis.url(),
        ];
        let of = |more: &[&str]| {
            [
                &shared[..],
                &more
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>(),
            ]
            .concat()
        };
        // As a GPU would have it: one lane whose runs take as long as they take, and large batches.
        let engine = if decodes {
            "fake:service_ms=1"
        } else {
            "fake:service_ms=1,decode=off"
        };
        let engine = [
            "--engine",
            engine,
            "--engine-threads",
            "1",
            "--max-batch",
            "64",
            "--captioner",
            "off",
        ];
        let worker = Process::role("worker", "--worker-listen", &of(&engine)).await;
        let words = of(&["--max-in-flight", "4096", "--prepare-queue", "1024"]);
        let api = match decodes {
            true => Process::role("api", "--listen", &words).await,
            false => Process::part(api::PART, &words).await,
        };
        knows_workers(&api, 1).await;
        Self {
            api,
            worker,
            rabbitmq,
            redis,
        }
    }

    fn parts(&self) -> Parts {
        Parts {
            alone: vec![
                ("api", self.api.id()),
                ("worker", self.worker.id()),
                ("generator", std::process::id()),
            ],
            descendants: vec![("decoders", self.api.id())],
            groups: vec![
                ("rabbitmq", self.rabbitmq.group()),
                ("redis", self.redis.group()),
            ],
        }
    }

    fn floor_parts(&self) -> Parts {
        Parts {
            alone: vec![("floor", std::process::id())],
            descendants: vec![],
            ..self.parts()
        }
    }
}
