//! The captioning worker: no tagging model is loaded, only the names of what those can see.

use std::sync::Arc;

use common::{queue::JobQueue, wire::announced};

use super::{Links, WorkerError, background::Background, load};
use crate::{
    announce::Announced,
    blocking::on_thread,
    cancelled::Cancelled,
    captioning::{CaptionStage, Captioner, CaptioningWorker},
    config::WorkerConfig,
    consume,
    tagging::Models,
};

pub async fn run(config: WorkerConfig, mut links: Links) -> Result<(), WorkerError> {
    let captioner = load_on_thread(&config, &links).await?;
    tracing::info!(
        captioner = captioner.name(),
        "captions are written here, and nothing else"
    );
    let captioner = Arc::new(captioner);
    let worker = CaptioningWorker {
        bus: links.bus.clone(),
        cancelled: Cancelled::open(&links.bus),
        captioner: captioner.clone(),
        caption_timeout: config.caption_timeout(),
    };
    let who = Announced {
        kind: announced::CAPTIONER,
        worker: config.worker_name(),
        device: "none".to_owned(),
        captions: Arc::new(CaptionStage::Here(captioner)),
        models: Arc::new(Models::new(Vec::new())),
    };
    let background = Background::start(&mut links, who);
    consume::consume(
        Arc::new(worker),
        &links.queue,
        JobQueue::Captioning,
        config.prefetch(),
        links.shutdown,
    )
    .await;
    background.end(true).await;
    Ok(())
}

async fn load_on_thread(config: &WorkerConfig, links: &Links) -> Result<Captioner, WorkerError> {
    let config = config.clone();
    let bus = links.bus.clone();
    on_thread("models", move || load::captioner_alone(&config, &bus))
        .await
        .ok_or(WorkerError::Loading)?
}
