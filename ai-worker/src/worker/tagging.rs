//! The tagging worker: it loads the models, starts the engine threads and consumes jobs.

use std::sync::Arc;

use common::{queue::Queue, wire::announced};

use super::{
    Links, WorkerError,
    background::Background,
    engines::Engines,
    load::{self, Ready},
};
use crate::{
    announce::Announced,
    blocking::on_thread,
    cancelled::Cancelled,
    captioning::{CaptionStage, Captioner, Handoff},
    config::WorkerConfig,
    engine::{Device, Kind},
    models::{Loaded, Loader, Reloader},
    tagging::{Decoding, Forwarding, Models, Served, TaggingWorker, batching::Batcher},
};

pub async fn run(config: WorkerConfig, mut links: Links) -> Result<(), WorkerError> {
    let ready = load_on_thread(&config, &links).await?;
    let captions = Arc::new(caption_stage(ready.captioner, &links).await);
    let engines = Engines::start(&config)?;
    let serving = serve(&config, ready.models, ready.loader, &engines.batcher);
    tell(&config, &serving.models, &captions);

    let queues = queues(&links.queue, &serving.models).await?;
    let name = config.worker_name();
    let who = Announced {
        kind: announced::TAGGER,
        worker: name.clone(),
        device: device_name(&config),
        captions: captions.clone(),
        models: serving.models.clone(),
    };
    let mut background = Background::start(&mut links, who);
    if let CaptionStage::Elsewhere(handoff) = &*captions {
        let handoff = handoff.clone();
        background.spawn(|shutdown| async move { handoff.watch(shutdown).await });
    }
    for reloader in serving.reloaders {
        background.spawn(|shutdown| reloader.watch(shutdown));
    }

    let worker = TaggingWorker {
        name,
        bus: links.bus.clone(),
        cancelled: Cancelled::open(&links.bus),
        models: serving.models,
        forwarding: Forwarding::new(links.queue.clone(), links.bus.clone()),
        captions,
        caption_timeout: config.caption_timeout(),
        decoding: decoding(&config),
    };
    let worked = engines
        .work(worker, queues, config.prefetch(), links.shutdown)
        .await;
    background.end(worked.is_ok()).await;
    Ok(worked?)
}

/// Lists the queues that the worker takes from: the fleet's, and those of its models' own.
async fn queues(fleets: &Queue, models: &Models) -> Result<Vec<Queue>, WorkerError> {
    let mut queues = vec![fleets.clone()];
    for model in models.all() {
        queues.push(fleets.of_model(model.name()).await?);
    }
    Ok(queues)
}

async fn load_on_thread(config: &WorkerConfig, links: &Links) -> Result<Ready, WorkerError> {
    let config = config.clone();
    let bus = links.bus.clone();
    on_thread("models", move || load::everything(&config, &bus))
        .await
        .ok_or(WorkerError::Loading)?
}

async fn caption_stage(captioner: Option<Captioner>, links: &Links) -> CaptionStage {
    match captioner {
        Some(captioner) => CaptionStage::Here(Arc::new(captioner)),
        None => {
            let handoff = Handoff::new(links.queue.clone(), links.bus.clone()).await;
            CaptionStage::Elsewhere(Arc::new(handoff))
        }
    }
}

fn tell(config: &WorkerConfig, models: &Models, captions: &CaptionStage) {
    tracing::info!(
        models = models.names(),
        device = device_name(config),
        engine_threads = config.engine_threads(),
        captioner = captions.captioner(),
        "models are warm"
    );
}

/// The models that answer, and what watches each of them for a newer version.
struct Serving {
    models: Arc<Models>,
    reloaders: Vec<Reloader>,
}

/// Opens a queue for each model. `models` stand in the order of the setting.
fn serve(
    config: &WorkerConfig,
    models: Vec<Loaded>,
    loader: Option<Arc<Loader>>,
    batcher: &Arc<Batcher>,
) -> Serving {
    let mut all = Vec::new();
    let mut reloaders = Vec::new();
    for (loaded, model) in models.into_iter().zip(&config.models) {
        let served = Arc::new(Served::new(loaded.version, batcher.clone(), config.rules()));
        all.push(served.clone());
        if let Some(loader) = &loader {
            reloaders.push(Reloader {
                served,
                present: loaded.source,
                loader: loader.clone(),
                model: model.clone(),
                config: config.reload.clone(),
                engine_timeout: config.engine_timeout(),
            });
        }
    }
    Serving {
        models: Arc::new(Models::new(all)),
        reloaders,
    }
}

fn decoding(config: &WorkerConfig) -> Decoding {
    match config.engine {
        Kind::Fake(pretence) if !pretence.decodes => Decoding::Never,
        Kind::Onnx if config.device == Device::Cpu => Decoding::OnEngineThread,
        Kind::Fake(_) | Kind::Onnx => Decoding::Ahead,
    }
}

/// Returns what is said to run the models.
fn device_name(config: &WorkerConfig) -> String {
    match config.engine {
        Kind::Onnx => config.device.to_string(),
        Kind::Fake(pretence) => pretence.name().to_owned(),
    }
}
