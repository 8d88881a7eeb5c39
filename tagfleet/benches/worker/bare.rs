//! The model with nothing around it, as a careful user would run it.

use std::time::{Duration, Instant};

use ai_worker::{
    engine::{Engine, Environment, Onnx, Setting as EngineSetting},
    tagging::decode,
};
use bytes::Bytes;
use common::model::{FileRef, Manifest, TileSpec, default_folder};
use prepare::Limits;

/// A way of running it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub sessions: usize,
    pub threads: usize,
    pub batch: usize,
}

/// What a batch is made of.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "each benchmark uses what it needs")]
pub enum Images<'a> {
    /// Photos, each made a tile and decoded again by the thread that then runs the model.
    Photos(&'a [Bytes]),
    /// Tiles, decoded by the thread that then runs the model.
    Tiles(&'a [u8]),
    /// Pixels that are there already.
    Pixels,
}

pub struct Bare {
    pub manifest: Manifest,
    environment: Environment,
}

impl Bare {
    pub fn load(model: &str) -> anyhow::Result<Self> {
        let manifest = Manifest::read(&default_folder().join(model))?;
        let environment =
            Onnx::environment(&default_folder().join("onnxruntime/libonnxruntime.so"))?;
        Ok(Self {
            manifest,
            environment,
        })
    }

    pub fn tile(&self) -> TileSpec {
        self.manifest
            .input
            .as_ref()
            .expect("a tagger has an input")
            .tile
    }

    pub fn engine(&self, graph: &FileRef, setting: Setting) -> anyhow::Result<Onnx> {
        let graph = self.manifest.verified(graph)?;
        Ok(Onnx::load(
            &self.environment,
            &self.manifest,
            &graph,
            EngineSetting::cpu(setting.threads, setting.batch),
        )?)
    }

    /// The fastest of what can be tried.
    pub fn best(&self, graph: &FileRef, images: Images, time: Duration) -> anyhow::Result<Setting> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let narrow = [1, 2, 4, 8].map(|batch| Setting {
            sessions: cores,
            threads: 1,
            batch,
        });
        let wide = [1, 8].map(|batch| Setting {
            sessions: 1,
            threads: cores,
            batch,
        });
        let mut best = (narrow[0], 0.0);
        for setting in narrow.into_iter().chain(wide) {
            let rate = self.rate(graph, setting, images, time)?;
            println!(
                "bare ONNX Runtime, {}, {setting:?}: {rate:.1} images/s",
                graph.path.display()
            );
            if rate > best.1 {
                best = (setting, rate);
            }
        }
        Ok(best.0)
    }

    /// Images a second, all sessions together.
    pub fn rate(
        &self,
        graph: &FileRef,
        setting: Setting,
        images: Images,
        time: Duration,
    ) -> anyhow::Result<f64> {
        let run = || self.run(graph, setting, images, time);
        std::thread::scope(|scope| {
            let sessions: Vec<_> = (0..setting.sessions).map(|_| scope.spawn(run)).collect();
            sessions
                .into_iter()
                .map(|session| session.join().expect("the session ends"))
                .sum()
        })
    }

    /// Images a second of one session.
    fn run(
        &self,
        graph: &FileRef,
        setting: Setting,
        images: Images,
        time: Duration,
    ) -> anyhow::Result<f64> {
        let mut engine = self.engine(graph, setting)?;
        let tile = self.tile();
        let blank = vec![90; usize::from(tile.width) * usize::from(tile.height) * 3];
        let mut turn = 0_usize..;
        let mut infer = || -> anyhow::Result<()> {
            let decoded: Vec<Vec<u8>> = match images {
                Images::Tiles(jpeg) => (0..setting.batch)
                    .map(|_| decode::decode(jpeg, tile))
                    .collect::<Result<_, _>>()?,
                Images::Photos(photos) => {
                    let next = (0..setting.batch).map(|_| turn.next().expect("it goes round"));
                    let tiles = next.map(|n| made(&photos[n % photos.len()], tile));
                    tiles.collect::<anyhow::Result<_>>()?
                }
                Images::Pixels => Vec::new(),
            };
            let blank = std::iter::repeat_n(&blank, setting.batch - decoded.len());
            engine.infer(
                &decoded
                    .iter()
                    .chain(blank)
                    .map(Vec::as_slice)
                    .collect::<Vec<_>>(),
            )?;
            Ok(())
        };
        infer()?;
        let started = Instant::now();
        let mut runs = 0;
        while started.elapsed() < time {
            infer()?;
            runs += 1;
        }
        Ok((runs * setting.batch) as f64 / started.elapsed().as_secs_f64())
    }
}

/// A photo's pixels, the way that the fleet makes them.
fn made(photo: &[u8], spec: TileSpec) -> anyhow::Result<Vec<u8>> {
    let prepared = prepare::tile(photo, spec, &Limits::STANDARD)
        .map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
    Ok(decode::decode(&prepared.tile, spec)?)
}
