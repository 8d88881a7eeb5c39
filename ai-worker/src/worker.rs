//! The worker's composition: models loaded and warm, then probes,
//! announcements and the consumer, until shutdown has drained it.

use std::{sync::Arc, time::Duration};

use common::{
    bus::Bus,
    model::{Manifest, ModelError},
    queue::{Lane, Queue},
    shutdown::Shutdown,
    wire::{ModelId, ModelInfo, WIRE_VERSION, WorkerInfo},
};
use tokio::net::TcpListener;

use crate::{
    announce,
    batch::Batcher,
    caption::{CaptionError, Captioner},
    config::{CaptionerChoice, ConfigError, WorkerConfig},
    consume,
    engine::{EngineError, Lanes, LoadError, Onnx},
    job::{Tagger, Worker},
    probes,
    tags::{Calibration, Taxonomy, TaxonomyError},
};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the model failed on a blank image: {0}")]
    WarmUp(#[from] EngineError),
    #[error(transparent)]
    Labels(#[from] TaxonomyError),
    #[error(transparent)]
    Caption(#[from] CaptionError),
    #[error("the worker's threads or sockets failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("the engine broke down")]
    EngineBroke,
}

/// Everything that blocks while it loads.
struct Loaded {
    engines: Vec<Onnx>,
    tagger: Tagger,
    captioner: Captioner,
    info: ModelInfo,
}

/// Works until `shutdown`, then finishes what it holds. `listener` serves the
/// probes of a worker process; inside another service there is none.
pub async fn run(
    config: WorkerConfig,
    queue: Queue,
    bus: Bus,
    listener: Option<TcpListener>,
    shutdown: Shutdown,
) -> Result<(), WorkerError> {
    let config = Arc::new(config);
    let loading = config.clone();
    let loaded = tokio::task::spawn_blocking(move || load(&loading));
    let Loaded { engines, tagger, captioner, info } = loaded.await.map_err(|_| WorkerError::EngineBroke)??;
    tracing::info!(model = info.id.name, lanes = engines.len(), captioner = captioner.name(), "models are warm");

    let broken = Shutdown::new();
    let wait = Duration::from_millis(config.max_batch_wait_ms);
    // Every job in hand finds room: prefetch is granted for each lane.
    let capacity = Lane::ALL.len() * usize::from(config.prefetch());
    let batcher = Arc::new(Batcher::new(config.max_batch(), wait, engines.len(), capacity));
    let lanes = Lanes::start(engines, batcher.clone(), broken.clone())?;
    let name = config.worker_name()?;
    let said = WorkerInfo {
        v: WIRE_VERSION,
        worker: name.clone(),
        device: "cpu".into(),
        models: vec![info],
        captioner: captioner.name().to_owned(),
    };
    let announcing = tokio::spawn(announce::announce(bus.clone(), said, shutdown.clone()));
    let probing = listener.map(|listener| {
        let router = probes::router(queue.clone(), bus.clone());
        tokio::spawn(async move { axum::serve(listener, router).await })
    });

    let worker = Arc::new(Worker { name, bus, tagger, captioner, batcher });
    let drained = consume::consume(worker, &queue, config.prefetch(), shutdown);
    let result = tokio::select! {
        () = drained => Ok(()),
        () = broken.cancelled() => Err(WorkerError::EngineBroke),
    };
    if let Some(probing) = probing {
        probing.abort();
    }
    if result.is_err() {
        // The engine's thread is gone: there is nothing to drain. What is
        // un-acked goes to another worker.
        announcing.abort();
        return result;
    }
    let _ = announcing.await;
    tokio::task::spawn_blocking(move || lanes.stop()).await.map_err(|_| WorkerError::EngineBroke)
}

fn load(config: &WorkerConfig) -> Result<Loaded, WorkerError> {
    let manifest = Manifest::read(&config.models_dir.join(&config.model))?;
    let graph = manifest.verified(manifest.require(&manifest.files.graph, "files.graph")?)?;
    let labels = manifest.verified(manifest.require(&manifest.files.labels, "files.labels")?)?;
    let tile = manifest.require(&manifest.input, "[input]")?.tile;
    let environment = Onnx::environment(&config.onnxruntime())?;
    let mut engines = Vec::new();
    let mut classes = 0;
    for _ in 0..config.lanes() {
        let mut engine = Onnx::load(&environment, &manifest, &graph, 1)?;
        classes = engine.warm_up(config.max_batch())?;
        engines.push(engine);
    }
    let taxonomy = Taxonomy::from_json(&labels)?.expect_classes(classes)?;
    let calibration = Calibration::new(&manifest, &taxonomy)?;
    let captioner = captioner(config)?;
    let info = ModelInfo {
        id: ModelId { name: manifest.name, version: manifest.version },
        kind: manifest.kind,
        licence: manifest.licence,
        source: manifest.source,
        tile,
        default_limit: manifest.default_limit,
        default_threshold: manifest.default_threshold,
        classes: classes as u32,
    };
    Ok(Loaded { engines, tagger: Tagger { taxonomy, model: info.clone(), calibration }, captioner, info })
}

fn captioner(config: &WorkerConfig) -> Result<Captioner, WorkerError> {
    Ok(match config.captioner {
        CaptionerChoice::Off => Captioner::off(),
        CaptionerChoice::Template => Captioner::template(),
        CaptionerChoice::Llama => {
            let manifest = Manifest::read(&config.models_dir.join(&config.caption_model))?;
            Captioner::llama(&manifest, config.caption_threads(), config.caption_queue)?
        }
    })
}
