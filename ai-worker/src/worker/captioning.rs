//! The composition of a worker that only writes captions: no tagging model is
//! loaded, only the names of what those can see.

use std::sync::Arc;

use common::{
    bus::Bus,
    model::Manifest,
    probes,
    queue::{JobQueue, Queue},
    shutdown::Shutdown,
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    announce::{self, Announced},
    blocking::on_thread,
    called_off::CalledOff,
    caption::{Captioner, guard::Labels},
    captions::Captions,
    config::WorkerConfig,
    consume,
    engine::Kind,
    models::{Models, VersionError, fake},
    scribe::Scribe,
    tags::Taxonomy,
    worker::{WorkerError, captioner},
};

pub async fn run(
    config: WorkerConfig,
    queue: Queue,
    bus: Bus,
    listener: Option<TcpListener>,
    shutdown: Shutdown,
) -> Result<(), WorkerError> {
    let worker = config.worker_name()?;
    let (loading, fleet) = (config.clone(), bus.clone());
    let captioner = on_thread("models", move || load(&loading, fleet))
        .await
        .ok_or(WorkerError::Loading)??;
    tracing::info!(
        captioner = captioner.name(),
        "captions are written here, and nothing else"
    );
    let captioner = Arc::new(captioner);
    let captions = Arc::new(Captions::Here(captioner.clone()));

    let called_off = CalledOff::open(&bus).await?;

    // Ends with this function, however it ends.
    let mut beside = JoinSet::new();
    if let Some(listener) = listener {
        beside.spawn(probes::serve(listener, queue.clone(), bus.clone()));
    }
    let (device, models) = ("none".to_owned(), Arc::new(Models::new(Vec::new())));
    let who = Announced {
        kind: announce::CAPTIONERS,
        worker,
        device,
        captions,
        models,
    };
    let announcing = tokio::spawn(announce::announce(bus.clone(), who, shutdown.clone()));
    let scribe = Arc::new(Scribe {
        bus,
        called_off,
        captioner,
        caption_timeout: config.caption_timeout(),
    });
    consume::consume(
        scribe,
        &queue,
        JobQueue::Captioning,
        config.prefetch(),
        shutdown,
    )
    .await;
    let _ = announcing.await;
    Ok(())
}

fn load(config: &WorkerConfig, bus: Bus) -> Result<Captioner, WorkerError> {
    let taxonomies = match config.engine {
        Kind::Fake(_) => vec![fake::taxonomy().map_err(VersionError::from)?],
        Kind::Onnx => config
            .models
            .iter()
            .map(|model| taxonomy(config, model))
            .collect::<Result<_, _>>()?,
    };
    captioner(config, &bus, &Labels::of(&taxonomies))
}

fn taxonomy(config: &WorkerConfig, model: &str) -> Result<Taxonomy, WorkerError> {
    let manifest = Manifest::read(&config.models_dir.join(model))?;
    let labels = manifest.verified(manifest.require(&manifest.files.labels, "files.labels")?)?;
    Ok(Taxonomy::from_json(&labels).map_err(VersionError::from)?)
}
