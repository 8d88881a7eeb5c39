//! `POST /v1/batches/{id}/cancel`.

use std::sync::Arc;

use axum::{
    extract::{Extension, Path, State},
    response::Response,
};
use common::fault::Fault;

use super::{reply, unavailable, view::BatchView};
use crate::{App, edge::RequestId, keys::Caller, problem::Problem};

/// End a batch
///
/// What is done stays done and can be read; every other item ends as `batch_cancelled`. A batch that has ended stays as it is.
#[utoipa::path(
    post, path = "/v1/batches/{id}/cancel", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, body = BatchView),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`, also for another tenant's batch", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn cancel_batch(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(batch): Path<String>,
    id: RequestId,
) -> Response {
    reply::json(cancel(&app, &caller, &batch).await, "batch cancelled", &id, &caller)
}

async fn cancel(app: &App, caller: &Caller, batch: &str) -> Result<BatchView, Fault> {
    let request = app.batches.find(&caller.tenant, batch).await?;
    let (ledger, now_s) = (&app.batches.ledger, app.bus.now_us() / 1_000_000);
    let failed = |error| unavailable(&error);
    if ledger.ended(&request.key()).await.map_err(failed)?.is_none() {
        ledger.cancel(&request.key(), now_s).await.map_err(failed)?;
    }
    BatchView::of(ledger, &request, now_s).await
}
