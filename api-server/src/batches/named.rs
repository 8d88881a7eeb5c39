//! What every request for one batch has: who asks, for which one, and how that
//! is answered.

use std::sync::Arc;

use axum::{
    extract::{Extension, FromRequestParts, Path},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use common::fault::Fault;
use ledger::{BatchView, Request};
use serde::Serialize;
use utoipa::IntoResponses;

use super::reply;
use identity::Caller;
use web::{
    audit::{self, Action},
    context::{Problem, RequestId},
};

use crate::state::AppState;

#[derive(Clone)]
pub struct Named {
    pub app: Arc<AppState>,
    caller: Caller,
    id: RequestId,
    batch: String,
}

/// What may be wrong with such a request.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "for the description of the API")]
pub enum Problems {
    /// `unauthorized`, `key_revoked`
    #[response(status = 401, content_type = "application/problem+json")]
    Key(#[to_schema] Problem),
    /// `not_found`, also for another tenant's batch
    #[response(status = 404, content_type = "application/problem+json")]
    Batch(#[to_schema] Problem),
    /// `store_unavailable`
    #[response(status = 503, content_type = "application/problem+json")]
    Store(#[to_schema] Problem),
}

impl Named {
    /// Another tenant's is none.
    pub async fn find(&self) -> Result<Request, Fault> {
        self.app.batch(&self.caller.tenant, &self.batch).await
    }

    pub async fn view(&self, request: &Request) -> Result<BatchView, Fault> {
        BatchView::of(&self.app.resources.ledger, request, self.app.now_s()).await
    }

    /// Notes what was done to the batch, or refused.
    pub fn audit<T>(&self, action: Action, done: &Result<T, Fault>) {
        audit::record(action, Some(&self.batch), done, &self.id, &self.caller);
    }

    pub fn json<T: Serialize>(&self, done: Result<T, Fault>, what: &'static str) -> Response {
        reply::json(done, what, &self.id, &self.caller)
    }

    pub fn accepted<T: Serialize>(&self, done: Result<T, Fault>, what: &'static str) -> Response {
        reply::accepted(done, what, &self.id, &self.caller)
    }

    pub fn reply(&self, done: Result<Response, Fault>, what: &'static str) -> Response {
        reply::reply(done, what, &self.id, &self.caller)
    }
}

impl FromRequestParts<Arc<AppState>> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<AppState>) -> Result<Self, Response> {
        let Ok(id) = RequestId::from_request_parts(parts, app).await;
        let Extension(caller) = Extension::from_request_parts(parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        let Path(batch) = Path::from_request_parts(parts, app)
            .await
            .map_err(IntoResponse::into_response)?;
        Ok(Self {
            app: app.clone(),
            caller,
            id,
            batch,
        })
    }
}
