//! `/v1/cache`: how a tenant's results are kept, and how they are cleared.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use cache::Cache;
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use identity::Caller;
use serde::Serialize;
use utoipa::ToSchema;
use web::{
    audit::{self, Action},
    context::{Problem, RequestId},
};

use crate::state::AppState;

/// How results are kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct CacheView {
    /// Whether the server keeps results at all.
    on: bool,
    /// Whether tenants share results of the same images.
    shared: bool,
    /// How long a result is kept, seconds.
    ttl_s: u64,
    /// How long what lies at a URL counts as unchanged where its host does not say, seconds.
    url_ttl_s: u64,
    /// Results in this server's memory, all tenants' together.
    entries_in_memory: u64,
    bytes_in_memory: u64,
    /// Seconds since 1970 when the tenant's results were cleared last; absent where they were not within `ttl_s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    cleared_at: Option<u64>,
}

/// How results are kept
#[utoipa::path(
    get, path = "/v1/cache", tag = "Service", security((), ("api_key" = [])),
    responses(
        (status = 200, body = CacheView),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_cache(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Json<CacheView> {
    let Some(cache) = &app.resources.cache else {
        return Json(CacheView {
            on: false,
            shared: false,
            ttl_s: 0,
            url_ttl_s: 0,
            entries_in_memory: 0,
            bytes_in_memory: 0,
            cleared_at: None,
        });
    };
    let memory = cache.in_memory();
    let cleared_at_us = cache.cleared_at_us(&caller.tenant).await;
    Json(CacheView {
        on: true,
        shared: cache.is_shared(),
        ttl_s: cache.ttl().as_secs(),
        url_ttl_s: cache.url_ttl().as_secs(),
        entries_in_memory: memory.entries,
        bytes_in_memory: memory.bytes,
        cleared_at: (cleared_at_us > 0).then_some(cleared_at_us / 1_000_000),
    })
}

/// Clear the results that are kept for you
///
/// Every server knows within seconds. Answers that are under way may still be kept and found.
#[utoipa::path(
    delete, path = "/v1/cache", tag = "Service", security((), ("api_key" = [])),
    responses(
        (status = 204, description = "From now on nothing is found that was kept before"),
        (status = 400, description = "`invalid_request`: tenants share their results here", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`key_read_only`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`results_unavailable`", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u16, description = "Seconds"))),
    )
)]
pub(crate) async fn clear_cache(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    id: RequestId,
) -> Response {
    let cleared = match &app.resources.cache {
        Some(cache) => cleared(cache, &caller).await,
        None => Ok(()),
    };
    audit::record(Action::ClearCache, None, &cleared, &id, &caller);
    match cleared {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => Problem::new(fault, &id).into_response(),
    }
}

/// Where tenants share, only an open service has nobody else to ask.
async fn cleared(cache: &Cache, caller: &Caller) -> Result<(), Fault> {
    if cache.is_shared() && caller.key.is_some() {
        let detail =
            "The results are shared by all tenants here, and are not one tenant's to clear.";
        return Err(Fault::new(Code::InvalidRequest, Stage::Admit, detail));
    }
    cache.clear(&caller.tenant).await.map_err(|error| {
        tracing::warn!(%error, "the cache of results cannot be cleared");
        Fault::new(
            Code::ResultsUnavailable,
            Stage::Admit,
            "The result store cannot be reached; try again shortly.",
        )
    })
}
