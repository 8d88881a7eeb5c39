//! `GET /v1/requests` lists those worth a look; `GET /v1/requests/{id}` tells what became of one, stage by stage.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{ServerLoad, announced},
};
use identity::Caller;
use records::{NotableRequests, RequestRecord};
use web::context::{Problem, RequestId};

use super::fleet::told;
use crate::state::AppState;

/// Requests worth a look
///
/// The slowest and the last failed requests of the tenant, 25 of each, over all servers that run now, for as long as requests are kept.
#[utoipa::path(
    get, path = "/v1/requests", tag = "Tags", security((), ("api_key" = [])),
    responses(
        (status = 200, body = NotableRequests),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list_requests(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
) -> Json<NotableRequests> {
    let Some(records) = &app.listeners.records else {
        return Json(NotableRequests::default());
    };
    let loads = told::<ServerLoad>(&app.resources.bus, announced::SERVER_LOAD).await;
    let mut servers: Vec<_> = loads.into_iter().map(|load| load.server).collect();
    // This server may not have told of itself yet.
    servers.push(app.dispatcher.name().to_owned());
    servers.sort();
    servers.dedup();
    Json(records.notable(&caller.tenant, &servers).await)
}

/// What became of a request
///
/// For an hour after its end (`--request-keep-s`), whichever server had it. Other tenants' requests are not found, nor is one
/// without a valid key.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "Tags",
    params(("id" = String, Path, description = "An answer's `id`, or a problem's `request_id`")), security((), ("api_key" = [])),
    responses(
        (status = 200, body = RequestRecord),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn get_request(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Path(wanted): Path<String>,
    id: RequestId,
) -> Response {
    let found = match &app.listeners.records {
        Some(records) => records.find(&caller.tenant, &wanted).await,
        None => None,
    };
    match found {
        Some(record) => ([(header::CONTENT_TYPE, "application/json")], record).into_response(),
        None => Problem::new(unknown(), &id).into_response(),
    }
}

fn unknown() -> Fault {
    Fault::new(
        Code::NotFound,
        Stage::Admit,
        "No request of this id has ended within the time for which requests are kept.",
    )
}
