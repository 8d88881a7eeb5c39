//! `GET /v1/batches/{id}`.

use std::sync::Arc;

use axum::{
    extract::{Extension, Path, State},
    response::Response,
};
use common::fault::Fault;

use super::{reply, view::BatchView};
use crate::{App, edge::RequestId, keys::Caller, problem::Problem};

/// How a batch stands
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, body = BatchView),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`, also for another tenant's batch", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_batch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(batch): Path<String>,
    id: RequestId,
) -> Response {
    reply::json(get(&app, &caller, &batch).await, "batch read", &id, &caller)
}

async fn get(app: &App, caller: &Caller, batch: &str) -> Result<BatchView, Fault> {
    let request = app.batches.find(&caller.tenant, batch).await?;
    BatchView::of(&app.batches.ledger, &request, app.bus.now_us() / 1_000_000).await
}
