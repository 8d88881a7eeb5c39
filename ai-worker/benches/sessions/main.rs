//! ONNX Runtime's settings on one device, each against the one that the worker
//! uses there: ready pixels, nothing around them. `TAGFLEET_DEVICE` says which.
//!
//! All settings run in turn, again and again, so that what else the machine
//! does meets them alike; what an image costs in processor time hardly depends
//! on it. `BENCH_ROUNDS` and `BENCH_SECONDS` change the length.

mod cpu;
mod gpu;

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

use ai_worker::engine::{Device, Environment, Onnx};
use common::model::{FileRef, Manifest, default_folder};
use testing::bench::{Spread, report};

/// Sessions of one setting, each of which some thread opens and then runs.
pub struct Contender<'a> {
    name: &'static str,
    sessions: usize,
    batch: usize,
    open: Box<dyn Fn() -> ort::Result<Run> + Sync + 'a>,
}

/// One run of a batch.
pub type Run = Box<dyn FnMut() -> ort::Result<()>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device: Device = std::env::var("TAGFLEET_DEVICE")
        .unwrap_or_else(|_| "cpu".into())
        .parse()?;
    let rounds = from_environment("BENCH_ROUNDS", 5.0);
    let time = Duration::from_millis((1e3 * from_environment("BENCH_SECONDS", 2.0)) as u64);
    let model = Model::load(device)?;
    let contenders = if device.is_gpu() {
        gpu::contenders(&model, device)?
    } else {
        cpu::contenders(&model)?
    };
    let mut looks: Vec<Vec<Look>> = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds as usize {
        for (contender, looks) in contenders.iter().zip(&mut looks) {
            match contender.run(time) {
                Ok(look) => {
                    let Look {
                        images_per_s,
                        ready_s,
                        ..
                    } = look;
                    eprintln!(
                        "{:<22}{images_per_s:9.1} images/s, ready after {ready_s:.1} s",
                        contender.name
                    );
                    looks.push(look);
                }
                Err(error) => println!("{:<22}{error}", contender.name),
            }
        }
    }
    let used = looks[0].clone();
    if used.is_empty() {
        return Err("the worker's own setting does not run here".into());
    }
    let mut figures = vec![
        ("used_images_per_s", Spread::of(&rates(&used)).median),
        ("rounds", rounds),
    ];
    for (contender, looks) in contenders
        .iter()
        .zip(&looks)
        .filter(|(_, looks)| looks.len() == used.len())
    {
        let ratios: Vec<f64> = looks
            .iter()
            .zip(&used)
            .map(|(look, used)| look.images_per_s / used.images_per_s)
            .collect();
        let cpu_ms: Vec<f64> = looks.iter().map(|look| look.cpu_ms).collect();
        let ready_s: Vec<f64> = looks.iter().map(|look| look.ready_s).collect();
        let rate = Spread::of(&rates(looks));
        let ratio = Spread::of(&ratios);
        let cpu = Spread::of(&cpu_ms);
        println!(
            "{:<22}{:9.1} images/s  {:.2} ({:.2}–{:.2})  {:6.3} ms of processor time an image ({:.3}–{:.3}), ready after {:.1} s",
            contender.name,
            rate.median,
            ratio.median,
            ratio.min,
            ratio.max,
            cpu.median,
            cpu.min,
            cpu.max,
            Spread::of(&ready_s).median
        );
        figures.push((contender.name, ratio.median));
    }
    report(&format!("sessions-{}", device.kind()), &figures)?;
    Ok(())
}

#[derive(Clone, Copy)]
struct Look {
    images_per_s: f64,
    /// All threads of this process, per image.
    cpu_ms: f64,
    /// Until all sessions had run twice.
    ready_s: f64,
}

fn rates(looks: &[Look]) -> Vec<f64> {
    looks.iter().map(|look| look.images_per_s).collect()
}

impl Contender<'_> {
    fn open_warm(&self) -> ort::Result<Run> {
        let mut infer = (self.open)()?;
        // The first allocates and the second may look for the best way still.
        infer()?;
        infer()?;
        Ok(infer)
    }

    /// Answers how many images were done.
    fn repeat(&self, mut infer: Run, time: Duration) -> ort::Result<usize> {
        let started = Instant::now();
        let mut images = 0;
        while started.elapsed() < time {
            infer()?;
            images += self.batch;
        }
        Ok(images)
    }

    fn run(&self, time: Duration) -> ort::Result<Look> {
        let ready = Barrier::new(self.sessions + 1);
        let done = Barrier::new(self.sessions + 1);
        // One that fails keeps its appointments, or the others would wait for it.
        let run = || {
            let opened = self.open_warm();
            ready.wait();
            let images = opened.and_then(|infer| self.repeat(infer, time));
            done.wait();
            images
        };
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..self.sessions).map(|_| scope.spawn(run)).collect();
            let opening = Instant::now();
            ready.wait();
            let ready_s = opening.elapsed().as_secs_f64();
            let started = Instant::now();
            let cpu_before_s = cpu_s();
            done.wait();
            let took_s = started.elapsed().as_secs_f64();
            let cpu_s = cpu_s() - cpu_before_s;
            let images = sessions
                .into_iter()
                .map(|session| session.join().expect("the session ends"));
            let images = images.sum::<ort::Result<usize>>()? as f64;
            Ok(Look {
                images_per_s: images / took_s,
                cpu_ms: cpu_s * 1e3 / images,
                ready_s,
            })
        })
    }
}

/// Processor time of this process so far, in seconds.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in brackets; user and system time are the 12th and 13th field there, in hundredths.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn from_environment(name: &str, default: f64) -> f64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// What all contenders run.
pub struct Model {
    environment: Environment,
    manifest: Manifest,
}

impl Model {
    fn load(device: Device) -> Result<Self, Box<dyn std::error::Error>> {
        let manifest = Manifest::read(&default_folder().join("efficientnet-lite0"))?;
        let library = default_folder()
            .join(device.runtime_folder())
            .join("libonnxruntime.so");
        Ok(Self {
            environment: Onnx::environment(&library)?,
            manifest,
        })
    }

    fn graph(&self, file: &Option<FileRef>) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        Ok(self
            .manifest
            .verified(self.manifest.require(file, "files.graph")?)?)
    }

    /// Names of input and output.
    fn names(&self) -> (&str, &str) {
        let input = self.manifest.input.as_ref().expect("a tagger has one");
        (&input.name, &input.output)
    }

    /// Height, width and channels of one image.
    fn shape(&self) -> [usize; 3] {
        let tile = self.manifest.input.as_ref().expect("a tagger has one").tile;
        [tile.height.into(), tile.width.into(), 3]
    }
}

/// Noise: the values of a photo, not one flat colour.
fn pixels(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|n| ((n * 2_654_435_761) >> 13) as u8)
        .collect()
}
