//! `GET /v1/usage`: who asks, and how much of what it may the tenant has at once.

use std::sync::Arc;

use admission::Held;
use axum::{
    Json,
    extract::{Extension, State},
};
use common::fault::Fault;
use identity::{Caller, Tier};
use serde::Serialize;
use utoipa::ToSchema;
use web::context::{Problem, RequestId};

use crate::state::AppState;

/// The rates stand in the header fields `RateLimit-Policy` and `RateLimit` of this answer, as of every other.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    #[schema(example = "shop")]
    tenant: String,
    /// The key's id; absent where the service asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// `standard`, or `low`, which is refused first.
    tier: &'static str,
    /// Whether the key may only look.
    read_only: bool,
    limits: Vec<Held>,
}

/// What the caller may, and what is used of it
#[utoipa::path(
    get, path = "/v1/usage", tag = "Service", security((), ("api_key" = [])),
    responses(
        (status = 200, body = Usage),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn get_usage(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    id: RequestId,
) -> Result<Json<Usage>, Problem> {
    let problem = |fault: Fault| Problem::new(fault, &id);
    let held = app.quota.held(&app.resources.ledger, &caller.tenant).await;
    Ok(Json(Usage {
        tenant: caller.tenant.to_string(),
        key: caller.key.as_deref().map(str::to_owned),
        read_only: caller.read_only,
        tier: match caller.tier {
            Tier::Standard => "standard",
            Tier::Low => "low",
        },
        limits: held.map_err(problem)?.into(),
    }))
}
