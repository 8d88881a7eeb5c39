//! `POST /v1/batches/{id}/cancel`.

use axum::response::Response;
use common::fault::Fault;

use ledger::{BatchView, unavailable};
use web::{audit::Action, context::Problem};

use super::named::{Named, Problems};

/// End a batch
///
/// What is done stays done and can be read; every other item ends as `batch_cancelled`. A batch that has ended stays as it is.
#[utoipa::path(
    post, path = "/v1/batches/{id}/cancel", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, body = BatchView),
        (status = 403, description = "`key_read_only`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub async fn cancel_batch(named: Named) -> Response {
    let cancelled = cancel(&named).await;
    named.audit(Action::CancelBatch, &cancelled);
    named.json(cancelled, "batch cancelled")
}

async fn cancel(named: &Named) -> Result<BatchView, Fault> {
    let request = named.find().await?;
    let ledger = &named.app.resources.ledger;
    let key = request.key();
    if ledger.ended(&key).await.map_err(unavailable)?.is_none() {
        ledger
            .cancel(&key, named.app.now_s())
            .await
            .map_err(unavailable)?;
    }
    named.view(&request).await
}
