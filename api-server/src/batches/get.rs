//! `GET /v1/batches/{id}`.

use axum::response::Response;
use common::fault::Fault;

use ledger::BatchView;
use web::context::Problem;

use super::named::{Named, Problems};

/// How a batch stands
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, body = BatchView),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub async fn get_batch(named: Named) -> Response {
    named.json(get(&named).await, "batch read")
}

async fn get(named: &Named) -> Result<BatchView, Fault> {
    named.view(&named.find().await?).await
}
