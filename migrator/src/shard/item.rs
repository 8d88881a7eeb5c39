//! One image, once: fetched, prepared, and tagged by a worker in the bulk lane.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    queue::Lane,
    stage::Stage,
};
use prepare::Facts;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time;

use super::Migrator;
use crate::{
    answer::{CaptionView, Image, Model, TagView},
    fetch::{Fetched, Purpose},
    ledger::Request,
};

/// For a download and for a decoding process; both have limits of their own.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a batch says of an image: as an answer of `POST /v1/tags`, but for who, when and how long.
#[derive(Serialize)]
struct Done {
    model: Model,
    image: Image,
    tags: Vec<TagView>,
    caption: CaptionView,
}

/// `fetched`: set once the download is done.
pub async fn tag(
    migrator: Arc<Migrator>,
    request: Arc<Request>,
    job: String,
    url: String,
    fetched: Arc<OnceLock<Instant>>,
) -> Result<Value, Fault> {
    let model = migrator.fleet.model(request.model.as_deref()).await?;
    let url = migrator.fetcher.parse(&url)?;
    let Fetched { bytes, sent } = migrator
        .fetcher
        .fetch(url, time::Instant::now() + PATIENCE, Purpose::Bulk)
        .await?;
    let _ = fetched.set(Instant::now());
    let prepared = {
        let _turn = migrator.preparing.acquire().await.map_err(|_| closing())?;
        let until = time::Instant::now() + PATIENCE;
        migrator
            .prepare
            .tile(bytes, model.tile, until, |conduct| sent.was(conduct))
            .await?
    };
    let _place = migrator.share.take().await;
    let key = ResultKey {
        tenant: request.tenant.clone(),
        id: job,
    };
    let job = migrator
        .submit
        .job(key, &model.id.name, request.asked.clone(), prepared.tile);
    let deadline = time::Instant::now() + migrator.config.job_timeout();
    let returned = migrator
        .submit
        .and_wait(Lane::Bulk, job, Instant::now(), deadline)
        .await?;
    Ok(done(prepared.facts, returned.outcome?))
}

fn done(facts: Facts, tagged: common::wire::Tagged) -> Value {
    let done = Done {
        model: Model {
            name: tagged.model.name,
            version: tagged.model.version,
        },
        image: facts.into(),
        tags: tagged.tags.into_iter().map(TagView::from).collect(),
        caption: tagged.caption.into(),
    };
    serde_json::to_value(done).expect("maps have text as keys")
}

fn closing() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Prepare,
        "The migrator is stopping.",
    )
}
