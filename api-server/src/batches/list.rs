//! `GET /v1/batches`.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Extension, RawQuery, State},
    response::Response,
};
use common::fault::{Code, Fault};
use futures_util::{StreamExt, TryStreamExt, stream};
use identity::Caller;
use ledger::{BatchView, unavailable};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use web::{
    context::{Problem, RequestId},
    request::parse_query,
};

use super::reply;
use crate::state::AppState;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Batches looked at at once.
const LOOKS: usize = 8;
/// How old may be what is told of a batch on a page of many.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The batch after which to go on: `last_id` of the page before.
    after: Option<String>,
    /// 1 to 100, 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BatchList {
    /// `list`
    object: &'static str,
    /// The newest first.
    data: Vec<BatchView>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// The tenant's batches
#[utoipa::path(
    get, path = "/v1/batches", tag = "Batches", params(ListQuery), security((), ("api_key" = [])),
    responses(
        (status = 200, body = BatchList),
        (status = 400, description = "`invalid_request`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_batches(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    id: RequestId,
) -> Response {
    let listed = list(&app, &caller, query.as_deref().unwrap_or_default()).await;
    reply::json(listed, "batches listed", &id, &caller)
}

async fn list(app: &AppState, caller: &Caller, query: &str) -> Result<BatchList, Fault> {
    let ListQuery { after, limit } = parse_query(query)?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Fault::invalid(format!("limit must be 1 to {MAX_LIMIT}")));
    }
    let ledger = &app.resources.ledger;
    let ids = ledger.batches_after(&caller.tenant, after.as_deref(), limit + 1);
    let mut ids = ids.await.map_err(unavailable)?;
    let has_more = ids.len() > limit;
    ids.truncate(limit);
    // The last that was looked at, so that a page on which nothing is left leads on.
    let last_id = ids.last().cloned();
    let views = stream::iter(ids).map(async |id| view(app, &caller.tenant, &id).await);
    let data: Vec<BatchView> = views
        .buffered(LOOKS)
        .try_filter_map(async |view| Ok(view))
        .try_collect()
        .await?;
    let first_id = data.first().map(|view| view.id.clone());
    Ok(BatchList {
        object: "list",
        first_id,
        last_id,
        has_more,
        data,
    })
}

/// `None` of a batch that is being cleared away, or is just coming into being.
async fn view(app: &AppState, tenant: &str, id: &str) -> Result<Option<BatchView>, Fault> {
    match app.batch(tenant, id).await {
        Ok(request) => {
            let ledger = &app.resources.ledger;
            let view = BatchView::recent(ledger, &request, app.now_s(), SEEN_WITHIN);
            view.await.map(Some)
        }
        Err(fault) if fault.code == Code::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}
