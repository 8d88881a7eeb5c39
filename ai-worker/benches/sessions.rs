//! ONNX Runtime's settings on this machine, each against the one that the
//! worker uses: sessions on all cores, ready pixels, nothing around them.
//!
//! All settings run in turn, again and again, so that what else the machine
//! does meets them alike; what an image costs in processor time hardly depends
//! on it. `BENCH_ROUNDS` and `BENCH_SECONDS` change the length.

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

use common::{
    bench::{Spread, report},
    model::{Manifest, default_folder},
};
use ort::{
    environment::Environment,
    ep, inputs,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};

#[derive(Clone, Copy)]
struct Setting {
    name: &'static str,
    sessions: usize,
    threads: usize,
    batch: usize,
    level: GraphOptimizationLevel,
    spinning: bool,
    arena: bool,
    pattern: bool,
    denormals: bool,
}

/// What the worker does on two cores, but for the batch.
const USED: Setting = Setting {
    name: "used",
    sessions: 2,
    threads: 1,
    batch: 1,
    level: GraphOptimizationLevel::All,
    spinning: true,
    arena: true,
    pattern: true,
    denormals: true,
};

fn settings() -> Vec<Setting> {
    vec![
        USED,
        Setting { name: "batch_4", batch: 4, ..USED },
        Setting { name: "flush_denormals", denormals: false, ..USED },
        Setting { name: "no_arena", arena: false, ..USED },
        Setting { name: "no_pattern", pattern: false, ..USED },
        Setting { name: "no_arena_no_pattern", arena: false, pattern: false, ..USED },
        Setting { name: "level_none", level: GraphOptimizationLevel::Disable, ..USED },
        Setting { name: "level_basic", level: GraphOptimizationLevel::Level1, ..USED },
        Setting { name: "level_extended", level: GraphOptimizationLevel::Level2, ..USED },
        Setting { name: "wide_spinning", sessions: 1, threads: 2, ..USED },
        Setting { name: "wide_sleeping", sessions: 1, threads: 2, spinning: false, ..USED },
        // Twice as many threads as cores, as when something else wants to run as well.
        Setting { name: "crowded_spinning", sessions: 2, threads: 2, ..USED },
        Setting { name: "crowded_sleeping", sessions: 2, threads: 2, spinning: false, ..USED },
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = from_environment("BENCH_ROUNDS", 5.0);
    let time = Duration::from_millis((1e3 * from_environment("BENCH_SECONDS", 2.0)) as u64);
    let model = Model::load()?;
    let settings = settings();
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); settings.len()];
    for _ in 0..rounds as usize {
        for (setting, runs) in settings.iter().zip(&mut runs) {
            runs.push(model.run(setting, time)?);
        }
    }
    let used = runs[0].clone();
    let mut figures = vec![("used_images_per_s", Spread::of(&rates(&used)).median), ("rounds", rounds)];
    for (setting, runs) in settings.iter().zip(&runs) {
        let ratios: Vec<f64> = runs.iter().zip(&used).map(|(run, used)| run.images_per_s / used.images_per_s).collect();
        let cpu_ms: Vec<f64> = runs.iter().map(|run| run.cpu_ms).collect();
        let (rate, ratio, cpu) = (Spread::of(&rates(runs)), Spread::of(&ratios), Spread::of(&cpu_ms));
        println!(
            "{:<22}{:7.1} images/s  {:.2} ({:.2}–{:.2})  {:6.2} ms of processor time an image ({:.2}–{:.2})",
            setting.name, rate.median, ratio.median, ratio.min, ratio.max, cpu.median, cpu.min, cpu.max
        );
        figures.push((setting.name, ratio.median));
    }
    report("sessions", &figures)?;
    Ok(())
}

#[derive(Clone, Copy)]
struct Run {
    images_per_s: f64,
    /// All threads of this process, per image.
    cpu_ms: f64,
}

fn rates(runs: &[Run]) -> Vec<f64> {
    runs.iter().map(|run| run.images_per_s).collect()
}

/// Processor time of this process so far, in seconds.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets; user and system time are the 12th and 13th field there, in hundredths.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn from_environment(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

struct Model {
    environment: Environment,
    graph: Vec<u8>,
    shape: [usize; 3],
}

impl Model {
    fn load() -> Result<Self, Box<dyn std::error::Error>> {
        let manifest = Manifest::read(&default_folder().join("efficientnet-lite0"))?;
        let graph = manifest.verified(manifest.require(&manifest.files.graph, "files.graph")?)?;
        let tile = manifest.require(&manifest.input, "[input]")?.tile;
        let environment = ort::init_from(default_folder().join("onnxruntime/libonnxruntime.so"))?.build()?;
        Ok(Self { environment, graph, shape: [tile.height.into(), tile.width.into(), 3] })
    }

    fn open(&self, setting: &Setting) -> ort::Result<Session> {
        let mut builder = Session::builder(&self.environment)?
            .with_optimization_level(setting.level)?
            .with_intra_threads(setting.threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(setting.spinning)?
            .with_memory_pattern(setting.pattern)?
            .with_execution_providers([ep::CPU::default().with_arena_allocator(setting.arena).build()])?;
        if !setting.denormals {
            builder = builder.with_flush_to_zero()?;
        }
        builder.commit_from_memory(&self.graph)
    }

    fn run(&self, setting: &Setting, time: Duration) -> ort::Result<Run> {
        let [height, width, channels] = self.shape;
        // Noise: the values of a photo, not one flat colour.
        let pixels: Vec<u8> =
            (0..setting.batch * height * width * channels).map(|n| ((n * 2_654_435_761) >> 13) as u8).collect();
        let shape = [setting.batch, height, width, channels];
        let (ready, done) = (Barrier::new(setting.sessions + 1), Barrier::new(setting.sessions + 1));
        let run = || -> ort::Result<usize> {
            let mut session = self.open(setting)?;
            let mut infer = || -> ort::Result<()> {
                session.run(inputs!["image" => TensorRef::from_array_view((shape, pixels.as_slice()))?])?;
                Ok(())
            };
            infer()?;
            ready.wait();
            let (started, mut images) = (Instant::now(), 0);
            while started.elapsed() < time {
                infer()?;
                images += setting.batch;
            }
            done.wait();
            Ok(images)
        };
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..setting.sessions).map(|_| scope.spawn(run)).collect();
            ready.wait();
            let (started, cpu_before_s) = (Instant::now(), cpu_s());
            done.wait();
            let (took_s, cpu_s) = (started.elapsed().as_secs_f64(), cpu_s() - cpu_before_s);
            let images = sessions.into_iter().map(|session| session.join().expect("the session ends"));
            let images = images.sum::<ort::Result<usize>>()? as f64;
            Ok(Run { images_per_s: images / took_s, cpu_ms: cpu_s * 1e3 / images })
        })
    }
}
