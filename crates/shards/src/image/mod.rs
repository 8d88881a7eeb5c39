//! One image, once: fetched, prepared, and tagged by a worker with low priority.

mod known;

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
    wire::{AuxiliaryTile, ModelId, ModelInfo, Scores, Tagged},
};
use dispatch::answer::{Answer, ExifRule};
use fetch::{Purpose, Requester};
use ledger::{Item, Kept, Request};
use prepare::Prepared;
use serde_json::Value;
use tokio::time;

use crate::BulkTagger;
use known::{ImageFile, Known, Read};

/// The longest wait for a download and for a decoding process; both have limits of their own.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of an image that was tagged.
pub struct Done {
    /// An answer of `POST /v1/tags`, but for who, when and how long.
    pub answer: Value,
    /// What its tags were made of, where that is kept.
    pub scored: Option<Scored>,
}

pub struct Scored {
    pub model: ModelId,
    /// Nothing where its worker gave none.
    pub scores: Option<Scores>,
}

impl Done {
    /// Returns what is kept of it for an item, where anything is.
    pub fn kept(&self, item: &Item, place: u64) -> Option<Kept> {
        let scored = self.scored.as_ref()?;
        Some(Kept {
            line: item.row.unwrap_or(place + 1),
            custom_id: item.custom_id.clone(),
            url: item.url.clone(),
            image: self.answer["image"].to_string(),
            model: scored.model.clone(),
            scores: scored.scores.clone(),
        })
    }
}

/// Returns what a batch says of an image.
///
/// `fetched`: set once the download is done.
pub async fn tag(
    tagger: Arc<BulkTagger>,
    request: Arc<Request>,
    job: String,
    url: String,
    fetched: Arc<OnceLock<Instant>>,
) -> Result<Done, Fault> {
    let resources = &tagger.resources;
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
    let models = Models { own: model, beside };
    let known = Known::of(resources, &request, models.ids()).await;
    let file = match known.fetch(resources, url, until, &requester).await? {
        Read::Came(file) => file,
        Read::Answered(answered) => {
            return Ok(Done {
                answer: told(answered.facts, answered.tagged, exif),
                scored: None,
            });
        }
    };
    let _ = fetched.set(Instant::now());
    let digest = file.digest;
    let mut prepared = prepare(&tagger, file, models.tiles()).await?;
    prepared.facts.keep_exif_if(request.asked.features.exif);
    let facts = prepared.facts.clone();
    let mut tagged = ask_worker(&tagger, &request, job, models, prepared).await?;
    let scores = tagged.scores.take();
    let scored = request.asked.features.scores.then(|| Scored {
        model: tagged.model.clone(),
        scores,
    });
    known.keep(digest, &facts, &tagged).await;
    let answer = told(facts, tagged, exif);
    Ok(Done { answer, scored })
}

/// The models that see the picture.
struct Models {
    own: ModelInfo,
    beside: Vec<ModelInfo>,
}

impl Models {
    fn ids(&self) -> impl Iterator<Item = &ModelId> {
        iter::once(&self.own)
            .chain(&self.beside)
            .map(|model| &model.id)
    }

    fn tiles(&self) -> Vec<TileSpec> {
        AuxiliaryTile::tiles(&self.own, &self.beside)
    }
}

/// Has a worker tag the picture, once its turn among those of all migrators has come.
async fn ask_worker(
    tagger: &BulkTagger,
    request: &Request,
    id: String,
    models: Models,
    prepared: Prepared,
) -> Result<Tagged, Fault> {
    let _slot = tagger.share.take().await;
    let key = ResultKey {
        tenant: request.tenant.clone(),
        id,
    };
    let dispatcher = &tagger.dispatcher;
    let name = &models.own.id.name;
    let mut job = dispatcher.job(key, name, request.asked.clone(), prepared.tile);
    job.also = AuxiliaryTile::all(models.beside, prepared.also);
    job.carry(prepared.pixels);
    let deadline = time::Instant::now() + tagger.config.job_timeout();
    let returned = dispatcher
        .submit_and_wait(Priority::Bulk, job, Instant::now(), deadline)
        .await?;
    returned.outcome
}

fn told(facts: Facts, tagged: Tagged, exif: Option<ExifRule>) -> Value {
    let answer = Answer::new(facts, tagged, exif);
    serde_json::to_value(answer).expect("maps have text as keys")
}

async fn prepare(
    tagger: &BulkTagger,
    file: ImageFile,
    specs: Vec<TileSpec>,
) -> Result<Prepared, Fault> {
    let ImageFile { bytes, sent, .. } = file;
    let Ok(_turn) = tagger.preparing.acquire().await else {
        return Err(stopping());
    };
    let until = time::Instant::now() + PATIENCE;
    let decoders = &tagger.resources.prepare;
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
