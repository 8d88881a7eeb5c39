//! `GET /v1/requests/{id}`: what became of a request, stage by stage.

use std::sync::Arc;

use axum::{
    extract::{Extension, Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use identity::Caller;
use records::RequestRecord;

use crate::{
    context::{Problem, RequestId},
    state::AppState,
};

/// What became of a request
///
/// For an hour after its end (`--request-keep-s`), whichever server had it. Other tenants' requests are not found.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "Tags",
    params(("id" = String, Path, description = "An answer's `id`, or a problem's `request_id`")), security((), ("api_key" = [])),
    responses(
        (status = 200, body = RequestRecord),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
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
