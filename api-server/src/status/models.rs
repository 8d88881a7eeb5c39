//! `GET /v1/models`: what the workers that are up can do.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use common::{model::Subject, wire::ModelInfo};
use serde::Serialize;
use utoipa::ToSchema;
use web::context::Problem;

use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelList {
    /// The model of a request that names none.
    #[schema(example = "efficientnet-lite0")]
    default: Option<String>,
    /// By name.
    models: Vec<ModelView>,
    /// By name.
    workers: Vec<WorkerView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ModelView {
    name: String,
    version: String,
    /// `softmax` (one true class), `sigmoid` (every class a question of its own), `detector` (boxes, each of them so), `lines` (where
    /// lines of text are), `text` (reads such a line) or `phrase` (finds tags by words). The last three are no `model` of a request.
    kind: &'static str,
    /// What it tells beside a tagger's tags: `people`, `faces`, `safety`, `text` or `reading`. Absent of taggers, readers and models of phrases.
    #[schema(example = "people")]
    #[serde(skip_serializing_if = "Option::is_none")]
    looks_for: Option<&'static str>,
    licence: String,
    /// Where it comes from.
    source: String,
    input: InputView,
    default_limit: u16,
    default_threshold: f32,
    /// How many classes it tells apart.
    classes: u32,
    /// How many workers run it.
    workers: usize,
}

/// What an image is made into: `uint8 [n, height, width, 3]`.
#[derive(Debug, Serialize, ToSchema)]
pub struct InputView {
    width: u16,
    height: u16,
    /// `crop`, `stretch` or `pad`.
    fit: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WorkerView {
    name: String,
    /// `cpu`, `cuda`, …
    device: String,
    /// `template`, or the language model's name.
    captioner: String,
    models: Vec<String>,
}

/// The models that run now
#[utoipa::path(
    get, path = "/v1/models", tag = "Tags", security((), ("api_key" = [])),
    responses(
        (status = 200, body = ModelList),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_models(State(app): State<Arc<AppState>>) -> Json<ModelList> {
    let known = app.resources.fleet.known();
    let mut models = BTreeMap::<_, ModelView>::new();
    for model in known.all() {
        let id = (&model.id.name, &model.id.version);
        models.entry(id).or_insert_with(|| view(model)).workers += 1;
    }
    let models = models.into_values().collect();
    let workers = known.workers.iter().map(|worker| WorkerView {
        name: worker.worker.clone(),
        device: worker.device.clone(),
        captioner: worker.captioner.clone(),
        models: worker
            .models
            .iter()
            .map(|model| model.id.name.clone())
            .collect(),
    });
    Json(ModelList {
        default: app.resources.fleet.default_name(),
        models,
        workers: workers.collect(),
    })
}

fn view(model: &ModelInfo) -> ModelView {
    ModelView {
        name: model.id.name.clone(),
        version: model.id.version.clone(),
        kind: model.kind.name(),
        looks_for: model.subject().map(Subject::name),
        licence: model.licence.clone(),
        source: model.source.clone(),
        input: InputView {
            width: model.tile.width,
            height: model.tile.height,
            fit: model.tile.fit.name(),
        },
        default_limit: model.default_limit,
        default_threshold: model.default_threshold,
        classes: model.classes,
        workers: 0,
    }
}
