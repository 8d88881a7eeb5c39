//! `GET /v1/batches/{id}`.

use axum::response::Response;
use common::fault::Fault;

use ledger::BatchView;

use super::named::{Named, Problems};

/// How a batch stands
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses((status = 200, body = BatchView), Problems)
)]
pub async fn get_batch(named: Named) -> Response {
    named.json(get(&named).await, "batch read")
}

async fn get(named: &Named) -> Result<BatchView, Fault> {
    named.view(&named.find().await?).await
}
