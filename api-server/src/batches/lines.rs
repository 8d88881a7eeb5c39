//! `GET /v1/batches/{id}/results` and `/errors`: NDJSON, while it runs too.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, Path, RawQuery, State},
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use common::fault::Fault;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{invalid, reply, unavailable};
use crate::{
    App,
    edge::RequestId,
    keys::Caller,
    ledger::{Cursor, Kind},
    problem::Problem,
};

const NEXT_CURSOR: HeaderName = HeaderName::from_static("x-next-cursor");

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LinesQuery {
    /// `x-next-cursor` of the answer before; from the beginning if absent.
    after: Option<String>,
    /// At most so many lines; all that there are if absent.
    #[param(minimum = 1)]
    limit: Option<u64>,
}

/// What was done
///
/// A line for each item: `{"id", "custom_id", "line", "url", "response": {"status_code": 200, "body": {"model", "image",
/// "tags", "caption"}}, "error": null}`. Of a batch under way, as far as it goes without a gap; go on later with
/// `after`. Lines come in no order that is of use; `line` is the item's place in the batch, from 0.
#[utoipa::path(
    get, path = "/v1/batches/{id}/results", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`"), LinesQuery),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson", headers(("x-next-cursor" = String, description = "Where this answer ends"))),
        (status = 400, description = "`invalid_request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`, also for another tenant's batch", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn batch_results(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(batch): Path<String>,
    RawQuery(query): RawQuery,
    id: RequestId,
) -> Response {
    let lines = lines(app, &caller, &batch, query, Kind::Completed).await;
    reply::reply(lines, "batch results read", &id, &caller)
}

/// What failed, and why
///
/// As results, with `"response": null` and `"error": {"code", "stage", "message", "retryable", "attempts"}`. The codes
/// are those of `POST /v1/tags`, and `batch_cancelled` and `batch_expired`.
#[utoipa::path(
    get, path = "/v1/batches/{id}/errors", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`"), LinesQuery),
    responses(
        (status = 200, body = String, content_type = "application/x-ndjson", headers(("x-next-cursor" = String, description = "Where this answer ends"))),
        (status = 400, description = "`invalid_request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`, also for another tenant's batch", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn batch_errors(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(batch): Path<String>,
    RawQuery(query): RawQuery,
    id: RequestId,
) -> Response {
    let lines = lines(app, &caller, &batch, query, Kind::Failed).await;
    reply::reply(lines, "batch errors read", &id, &caller)
}

async fn lines(
    app: Arc<App>,
    caller: &Caller,
    batch: &str,
    query: Option<String>,
    kind: Kind,
) -> Result<Response, Fault> {
    let (from, limit) = read(query.as_deref().unwrap_or_default())?;
    let key = app.batches.find(&caller.tenant, batch).await?.key();
    let ledger = app.batches.ledger.clone();
    let failed = |error| unavailable(&error);
    let shards = ledger.sealed(&key).await.map_err(failed)?.map_or(0, |sealed| sealed.shards);
    let progress = ledger.progress(&key).await.map_err(failed)?;
    let (pieces, next) = progress.readable(shards, kind, from, limit);
    let pieces = stream::iter(pieces).then(move |piece| {
        let (ledger, key) = (ledger.clone(), key.clone());
        async move { ledger.lines(&key, kind, piece).await }
    });
    // What cannot be read then breaks the answer off: half a list must not look like a whole one.
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (NEXT_CURSOR, next.to_string())];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

fn read(query: &str) -> Result<(Cursor, u64), Fault> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let query = LinesQuery::deserialize(serde_urlencoded::Deserializer::new(pairs));
    let LinesQuery { after, limit } = query.map_err(|error| invalid(error.to_string()))?;
    if limit == Some(0) {
        return Err(invalid("limit must be 1 or more"));
    }
    let cursor = after.map(|text| text.parse().map_err(|()| invalid("after is no cursor"))).transpose()?;
    Ok((cursor.unwrap_or_default(), limit.unwrap_or(u64::MAX)))
}
