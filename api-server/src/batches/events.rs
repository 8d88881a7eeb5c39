//! `GET /v1/batches/{id}/events`: progress as server-sent events.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Extension, Path, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use common::fault::Fault;
use futures_util::{Stream, stream};

use super::{reply, view::BatchView};
use crate::{App, edge::RequestId, keys::Caller, ledger::Request, problem::Problem};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a batch goes
///
/// An event `batch` for each change, at most one a second, with what `GET /v1/batches/{id}` answers. It ends with the batch.
#[utoipa::path(
    get, path = "/v1/batches/{id}/events", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`, also for another tenant's batch", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`store_unavailable`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn batch_events(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(batch): Path<String>,
    id: RequestId,
) -> Response {
    let found = app.batches.find(&caller.tenant, &batch).await;
    let events = found.map(|request| Sse::new(events(app, request)).keep_alive(KeepAlive::default()).into_response());
    reply::reply(events, "batch events", &id, &caller)
}

/// What was told last, and whether it was the end.
#[derive(Default)]
struct Told {
    text: String,
    ended: bool,
}

fn events(app: Arc<App>, request: Request) -> impl Stream<Item = Result<Event, Fault>> {
    stream::try_unfold((app, request, Told::default()), async |(app, request, mut told)| {
        if told.ended {
            return Ok(None);
        }
        loop {
            let view = BatchView::of(&app.batches.ledger, &request, app.bus.now_us() / 1_000_000).await?;
            let text = serde_json::to_string(&view).expect("maps have text as keys");
            if text != told.text {
                told = Told { text: text.clone(), ended: view.status.is_final() };
                return Ok(Some((Event::default().event("batch").data(text), (app, request, told))));
            }
            // A server that stops keeps nobody waiting: clients come again by themselves.
            if app.stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                return Ok(None);
            }
        }
    })
}
