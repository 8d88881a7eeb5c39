//! One image, once: fetched, prepared, and tagged by a worker with low priority.

use std::{
    iter,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    image::Facts,
    model::TileSpec,
    queue::Priority,
    stage::Stage,
    wire::{Also, Tagged},
};
use dispatch::answer::{Answer, ExifRule};
use fetch::{Purpose, Requester};
use ledger::Request;
use prepare::Prepared;
use serde_json::Value;
use tokio::time;

use super::known::{ImageFile, Known, Read};
use crate::context::Migrator;

/// The longest wait for a download and for a decoding process; both have limits of their own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns what a batch says of an image: an answer of `POST /v1/tags`, but for who, when and how long.
///
/// `fetched`: set once the download is done.
pub async fn tag(
    migrator: Arc<Migrator>,
    request: Arc<Request>,
    job: String,
    url: String,
    fetched: Arc<OnceLock<Instant>>,
) -> Result<Value, Fault> {
    let resources = &migrator.resources;
    let exif = resources.exif_rule(request.asked.features);
    let model = resources.fleet.model(request.model.as_deref()).await?;
    resources.fleet.expect_readers(request.asked.version())?;
    let url = resources.fetcher.parse_image(&url, &request.tenant)?;
    let until = time::Instant::now() + PATIENCE;
    let requester = Requester {
        tenant: request.tenant.as_str().into(),
        purpose: Purpose::Bulk,
    };
    let beside = resources.fleet.beside(&model, request.asked.features)?;
    let models = || iter::once(&model).chain(&beside);
    let known = Known::of(resources, &request, models().map(|model| &model.id)).await;
    let file = match known.fetch(resources, url, until, &requester).await? {
        Read::Came(file) => file,
        Read::Answered(answered) => return Ok(told(answered.facts, answered.tagged, exif)),
    };
    let _ = fetched.set(Instant::now());
    let digest = file.digest;
    let specs = Also::tiles(&model, &beside);
    let mut prepared = prepare(&migrator, file, specs).await?;
    prepared.facts.keep_exif_if(request.asked.features.exif);
    let _slot = migrator.share.take().await;
    let key = ResultKey {
        tenant: request.tenant.clone(),
        id: job,
    };
    let dispatcher = &migrator.dispatcher;
    let mut job = dispatcher.job(key, &model.id.name, request.asked.clone(), prepared.tile);
    job.also = Also::all(beside, prepared.also);
    let deadline = time::Instant::now() + migrator.config.job_timeout();
    let returned = dispatcher
        .submit_and_wait(Priority::Bulk, job, Instant::now(), deadline)
        .await?;
    let tagged = returned.outcome?;
    known.keep(digest, &prepared.facts, &tagged).await;
    Ok(told(prepared.facts, tagged, exif))
}

fn told(facts: Facts, tagged: Tagged, exif: Option<ExifRule>) -> Value {
    let answer = Answer::new(facts, tagged, exif);
    serde_json::to_value(answer).expect("maps have text as keys")
}

async fn prepare(
    migrator: &Migrator,
    file: ImageFile,
    specs: Vec<TileSpec>,
) -> Result<Prepared, Fault> {
    let ImageFile { bytes, sent, .. } = file;
    let Ok(_turn) = migrator.preparing.acquire().await else {
        return Err(stopping());
    };
    let until = time::Instant::now() + PATIENCE;
    let decoders = &migrator.resources.prepare;
    decoders
        .tiles(bytes, specs, until, |impact| sent.decoded(impact))
        .await
}

fn stopping() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Prepare,
        "The migrator is stopping.",
    )
}
