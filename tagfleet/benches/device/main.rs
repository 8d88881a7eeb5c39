//! What one device can do, and how much of it a worker uses: `--device` by
//! `TAGFLEET_DEVICE`, bare ONNX Runtime at batches of 1 to 128, then a worker
//! through RabbitMQ and Redis. Writes a report beside its `RESULT` line.
//! `BENCH_SECONDS` changes the length.

#[path = "../worker/fleet.rs"]
mod fleet;
mod gauge;

use std::{
    fmt::Write,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use ai_worker::engine::{Device, Engine, Environment, Numbers, Onnx, Precision, Setting, Sizes};
use common::model::{FileRef, Manifest, default_folder};
use fleet::Fleet;
use gauge::{Gauge, Seen, machine};
use testing::bench::report;

const MODEL: &str = "efficientnet-lite0";
const BATCHES: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let device: Device = std::env::var("TAGFLEET_DEVICE")
        .unwrap_or_else(|_| "cpu".into())
        .parse()?;
    let seconds = std::env::var("BENCH_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(5));
    let bare = Bare::load(device)?;
    let mut told = format!(
        "# {device}: {}\n\n{MODEL}, {}\n\n",
        machine(device),
        bare.graph.path.display()
    );
    told += "| batch | images/s | ms a run | peak MiB | GPU busy |\n|---|---|---|---|---|\n";
    let mut best: f64 = 0.0;
    for batch in BATCHES {
        let (rate, seen) = bare.rate(batch, time)?;
        best = best.max(rate);
        let run_ms = 1e3 * (bare.lanes() * batch) as f64 / rate;
        let busy = seen.busy.map_or("not counted".into(), |busy| {
            format!("{:.0} %", 100.0 * busy)
        });
        let line = format!(
            "| {batch} | {rate:.1} | {run_ms:.2} | {:.0} | {busy} |",
            seen.peak_mib
        );
        println!("{line}");
        writeln!(told, "{line}")?;
    }
    let worker = through_the_queue(device, time).await?;
    writeln!(
        told,
        "\nA worker through RabbitMQ and Redis on the same machine: {worker:?}"
    )?;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!(
        "device-{}.md",
        device.to_string().replace(':', "-")
    ));
    std::fs::write(&path, told)?;
    println!("report: {}", path.display());
    let mut figures = vec![
        ("worker_images_per_s", worker.images_per_s),
        ("bare_images_per_s", best),
        ("ratio", worker.images_per_s / best),
        ("batch_fill", worker.batch_fill),
        ("lanes_idle", worker.lanes_idle),
        ("peak_mib", worker.peak_mib),
    ];
    figures.extend(worker.gpu_waits.map(|part| ("gpu_waits", part)));
    report("device", &figures)?;
    Ok(())
}

#[derive(Debug)]
struct Worker {
    images_per_s: f64,
    batch_fill: f64,
    /// The part of the time that a lane waits for its next batch, mean of all lanes.
    lanes_idle: f64,
    peak_mib: f64,
    /// The part of the time that the GPU waits, by its own count.
    gpu_waits: Option<f64>,
}

async fn through_the_queue(device: Device, time: Duration) -> anyhow::Result<Worker> {
    let mut fleet = Fleet::start(MODEL, &["--device", &device.to_string()]).await?;
    fleet.in_flight = 3 * device.engine_threads(cores()) * device.max_batch();
    fleet.tag_for(Duration::from_secs(2)).await?;
    let fill_before = fleet.sum("tagfleet_batch_fill").await?;
    let idle_before = idle_s(&fleet).await?;
    let gauge = Gauge::start(device, fleet.worker());
    let images_per_s = fleet.tag_for(time).await?;
    let seen = gauge.stop(device);
    let fill = fleet.sum("tagfleet_batch_fill").await?;
    let idle = idle_s(&fleet).await?;
    fleet.stop().await?;
    let lanes = device.engine_threads(cores()) as f64;
    Ok(Worker {
        images_per_s,
        batch_fill: (fill.0 - fill_before.0) / (fill.1 - fill_before.1),
        lanes_idle: (idle - idle_before) / (lanes * time.as_secs_f64()),
        peak_mib: seen.peak_mib,
        gpu_waits: seen.busy.map(|busy| 1.0 - busy),
    })
}

async fn idle_s(fleet: &Fleet) -> anyhow::Result<f64> {
    Ok(fleet.sum("tagfleet_engine_idle_seconds").await?.0)
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The model with nothing around it, on as many sessions as a worker has lanes.
struct Bare {
    manifest: Manifest,
    environment: Environment,
    graph: FileRef,
    numbers: Numbers,
    device: Device,
}

impl Bare {
    fn load(device: Device) -> anyhow::Result<Self> {
        let manifest = Manifest::read(&default_folder().join(MODEL))?;
        let library = default_folder()
            .join(device.runtime_folder())
            .join("libonnxruntime.so");
        let files = manifest.files.clone();
        let numbers = Precision::Auto.on(device);
        let chosen = match numbers {
            Numbers::Int8 => files.graph_int8,
            Numbers::Fp16 => files.graph_fp16,
            Numbers::Fp32 => None,
        };
        let graph = chosen.or(files.graph).expect("a tagger has a graph");
        Ok(Self {
            environment: Onnx::environment(&library)?,
            manifest,
            graph,
            numbers,
            device,
        })
    }

    fn lanes(&self) -> usize {
        self.device.engine_threads(cores())
    }

    /// Images a second, all sessions together, and what the device said meanwhile. Loading is no part of it.
    fn rate(&self, batch: usize, time: Duration) -> anyhow::Result<(f64, Seen)> {
        let ready = Barrier::new(self.lanes() + 1);
        // One that cannot be loaded keeps the appointment too, or the others would wait for it.
        let session = || {
            let loaded = self.load_warm(batch);
            ready.wait();
            self.repeat(loaded?, batch, time)
        };
        thread::scope(|scope| {
            let sessions: Vec<_> = (0..self.lanes()).map(|_| scope.spawn(session)).collect();
            ready.wait();
            let gauge = Gauge::start(self.device, std::process::id());
            let rates = sessions
                .into_iter()
                .map(|session| session.join().expect("the session ends"));
            let rate = rates.sum::<anyhow::Result<f64>>()?;
            Ok((rate, gauge.stop(self.device)))
        })
    }

    fn load_warm(&self, batch: usize) -> anyhow::Result<Onnx> {
        let graph = self.manifest.verified(&self.graph)?;
        let sizes = if self.device.is_gpu() {
            Sizes::only(batch)
        } else {
            Sizes::any(batch)
        };
        let setting = Setting {
            device: self.device,
            numbers: self.numbers,
            threads: 1,
            sizes,
        };
        let mut engine = Onnx::load(&self.environment, &self.manifest, &graph, setting)?;
        engine.infer(&vec![self.image().as_slice(); batch])?;
        Ok(engine)
    }

    fn repeat(&self, mut engine: Onnx, batch: usize, time: Duration) -> anyhow::Result<f64> {
        let image = self.image();
        let images = vec![image.as_slice(); batch];
        let started = Instant::now();
        let mut runs = 0;
        while started.elapsed() < time {
            engine.infer(&images)?;
            runs += 1;
        }
        Ok((runs * batch) as f64 / started.elapsed().as_secs_f64())
    }

    fn image(&self) -> Vec<u8> {
        let tile = self.manifest.input.as_ref().expect("a tagger has one").tile;
        vec![90; usize::from(tile.width) * usize::from(tile.height) * 3]
    }
}
