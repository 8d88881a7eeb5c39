//! Worker throughput through RabbitMQ and Redis over bare ONNX Runtime in its
//! best setting on this machine, and the 8-bit graph over the float one: all
//! sides in turn in one run.
//!
//! The worker is a process of its own and does all its work, tile decode
//! included, captions off; broker, Redis and this generator share the machine
//! with it. Bare ONNX Runtime decodes its tiles too in `ratio`, and finds pixels
//! ready made in `ratio_no_decode`. `BENCH_ROUNDS` and `BENCH_SECONDS` change the
//! length, `TAGFLEET_BENCH_LABELLED` is the folder of photos for `int8_agree`.

mod agreement;
mod bare;
mod fleet;

use std::{path::Path, time::Duration};

use ai_worker::engine::{Device, Numbers, Precision};
use bare::{Bare, Images, Setting};
use common::model::FileRef;
use fleet::Fleet;
use loadtest::cpu::Processes;
use testing::bench::{Spread, report};

const MODEL: &str = "efficientnet-lite0";
const IDLE_JOBS: u32 = 15;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rounds = from_environment("BENCH_ROUNDS", 5);
    let time = Duration::from_secs(from_environment("BENCH_SECONDS", 5));
    let bare = Bare::load(MODEL)?;
    let files = &bare.manifest.files;
    let float = files.graph.as_ref().expect("a tagger has a graph");
    let int8 = files.graph_int8.as_ref().expect("it comes in 8 bits");
    // What the worker picks on this machine.
    let graph = if Precision::Auto.on(Device::Cpu) == Numbers::Int8 {
        int8
    } else {
        float
    };
    // Told first where its photos are missing.
    let agreed = agreed(&bare, float, int8)?;
    let fleet = Fleet::start(MODEL, &[]).await?;
    let sides = Sides {
        best: Best::find(&bare, graph, float, int8, fleet.tile())?,
        bare: &bare,
        fleet: &fleet,
    };
    fleet.tag_for(Duration::from_secs(2)).await?;
    let fill_before = fleet.sum("tagfleet_batch_fill").await?;
    let mut measured = Vec::new();
    for round in 1..=rounds {
        measured.push(sides.round(graph, float, int8, time).await?);
        println!("round {round}: {:?}", measured[measured.len() - 1]);
    }
    let fill = fleet.sum("tagfleet_batch_fill").await?;
    let idle = Spread::of(&fleet.idle_waits_ms(IDLE_JOBS).await?);
    let spread =
        |figure: fn(&Round) -> f64| Spread::of(&measured.iter().map(figure).collect::<Vec<_>>());
    let ratio = spread(|round| round.rates.worker / round.rates.bare_tiles);
    report(
        "worker",
        &[
            ("ratio", ratio.median),
            ("ratio_min", ratio.min),
            ("ratio_max", ratio.max),
            (
                "ratio_no_decode",
                spread(|round| round.rates.worker / round.rates.bare_pixels).median,
            ),
            (
                "batch_fill",
                (fill.0 - fill_before.0) / (fill.1 - fill_before.1),
            ),
            ("idle_wait_ms", idle.median),
            ("idle_wait_max_ms", idle.max),
            (
                "int8_gain",
                spread(|round| round.rates.int8 / round.rates.float).median,
            ),
            ("int8_agree", agreed.same as f64 / agreed.photos as f64),
            ("int8_photos", agreed.photos as f64),
            (
                "worker_images_per_s",
                spread(|round| round.rates.worker).median,
            ),
            (
                "bare_images_per_s",
                spread(|round| round.rates.bare_tiles).median,
            ),
            // What is left of it where broker, Redis and generator have machines of their own.
            (
                "ratio_of_cpu",
                spread(|round| round.bare_cpu_ms / round.worker_cpu_ms).median,
            ),
            ("bare_cpu_ms", spread(|round| round.bare_cpu_ms).median),
            (
                "brokers_cpu_ms",
                spread(|round| round.brokers_cpu_ms).median,
            ),
            ("worker_cpu_ms", spread(|round| round.worker_cpu_ms).median),
            (
                "generator_cpu_ms",
                spread(|round| round.generator_cpu_ms).median,
            ),
            ("bare_sessions", sides.best.tiles.sessions as f64),
            ("bare_threads", sides.best.tiles.threads as f64),
            ("bare_batch", sides.best.tiles.batch as f64),
            ("rounds", rounds as f64),
        ],
    )?;
    fleet.stop().await
}

/// The fastest setting of each side.
struct Best {
    tiles: Setting,
    pixels: Setting,
    float: Setting,
    int8: Setting,
}

impl Best {
    fn find(
        bare: &Bare,
        graph: &FileRef,
        float: &FileRef,
        int8: &FileRef,
        tile: &[u8],
    ) -> anyhow::Result<Self> {
        let time = Duration::from_secs(2);
        let pixels = |graph| bare.best(graph, Images::Pixels, time);
        let float_best = pixels(float)?;
        let int8_best = pixels(int8)?;
        Ok(Self {
            tiles: bare.best(graph, Images::Tiles(tile), time)?,
            pixels: if graph.path == int8.path {
                int8_best
            } else {
                float_best
            },
            float: float_best,
            int8: int8_best,
        })
    }
}

struct Sides<'a> {
    best: Best,
    bare: &'a Bare,
    fleet: &'a Fleet,
}

/// Images a second.
#[derive(Debug)]
struct Rates {
    bare_tiles: f64,
    bare_pixels: f64,
    worker: f64,
    float: f64,
    int8: f64,
}

/// With the processor time of each for an image.
#[derive(Debug)]
struct Round {
    rates: Rates,
    bare_cpu_ms: f64,
    worker_cpu_ms: f64,
    /// RabbitMQ and Redis.
    brokers_cpu_ms: f64,
    generator_cpu_ms: f64,
}

impl Sides<'_> {
    async fn round(
        &self,
        graph: &FileRef,
        float: &FileRef,
        int8: &FileRef,
        time: Duration,
    ) -> anyhow::Result<Round> {
        let Self { best, bare, fleet } = self;
        let this = std::process::id();
        let [rabbitmq, redis] = fleet.brokers();
        let start = Processes::look();
        // What its sessions take to load, which is no part of an image.
        bare.rate(
            graph,
            best.tiles,
            Images::Tiles(fleet.tile()),
            Duration::ZERO,
        )?;
        let before = Processes::look();
        let bare_tiles = bare.rate(graph, best.tiles, Images::Tiles(fleet.tile()), time)?;
        let between = Processes::look();
        let worker = fleet.tag_for(time).await?;
        let after = Processes::look();
        let each = |used_s: f64, rate: f64| used_s * 1e3 / (rate * time.as_secs_f64());
        let of = |pid: u32| each(after.alone_s(pid) - between.alone_s(pid), worker);
        let of_group = |id: u32| each(after.group_s(id) - between.group_s(id), worker);
        let loading_s = before.alone_s(this) - start.alone_s(this);
        let bare_cpu_ms = each(
            between.alone_s(this) - before.alone_s(this) - loading_s,
            bare_tiles,
        );
        let worker_cpu_ms = of(fleet.worker());
        let generator_cpu_ms = of(this);
        let brokers_cpu_ms = of_group(rabbitmq) + of_group(redis);
        let bare_pixels = bare.rate(graph, best.pixels, Images::Pixels, time)?;
        let float = bare.rate(float, best.float, Images::Pixels, time)?;
        let int8 = bare.rate(int8, best.int8, Images::Pixels, time)?;
        let rates = Rates {
            bare_tiles,
            bare_pixels,
            worker,
            float,
            int8,
        };
        Ok(Round {
            rates,
            bare_cpu_ms,
            worker_cpu_ms,
            brokers_cpu_ms,
            generator_cpu_ms,
        })
    }
}

fn agreed(bare: &Bare, float: &FileRef, int8: &FileRef) -> anyhow::Result<agreement::Agreement> {
    let folder = std::env::var_os("TAGFLEET_BENCH_LABELLED");
    let folder = folder.ok_or_else(|| {
        anyhow::anyhow!("TAGFLEET_BENCH_LABELLED names no folder: `make bench-worker`")
    })?;
    let alone = Setting {
        sessions: 1,
        threads: 1,
        batch: 1,
    };
    let mut engines = [bare.engine(float, alone)?, bare.engine(int8, alone)?];
    agreement::agreement(Path::new(&folder), bare.tile(), &mut engines)
}

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}
