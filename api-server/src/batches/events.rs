//! `GET /v1/batches/{id}/events`: progress as server-sent events.

use std::time::Duration;

use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use common::fault::Fault;
use futures_util::{Stream, stream};
use ledger::{BatchView, Request};

use super::named::{Named, Problems};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a batch goes
///
/// An event `batch` for each change, at most one a second, with what `GET /v1/batches/{id}` answers. It ends with the batch.
#[utoipa::path(
    get, path = "/v1/batches/{id}/events", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses((status = 200, description = "Events `batch`; the data of each is the batch as it stands", body = BatchView, content_type = "text/event-stream"), Problems)
)]
pub async fn batch_events(named: Named) -> Response {
    let found = named.find().await;
    let asked = named.clone();
    let events = found.map(|request| {
        Sse::new(events(asked, request))
            .keep_alive(KeepAlive::default())
            .into_response()
    });
    named.reply(events, "batch events")
}

/// What was told last, and whether it was the end.
#[derive(Default)]
struct Told {
    text: String,
    ended: bool,
}

fn events(named: Named, request: Request) -> impl Stream<Item = Result<Event, Fault>> {
    stream::try_unfold(
        (named, request, Told::default()),
        async |(named, request, mut told)| {
            if told.ended {
                return Ok(None);
            }
            loop {
                let view = named.view(&request).await?;
                let text = serde_json::to_string(&view).expect("maps have text as keys");
                if text != told.text {
                    told = Told {
                        text: text.clone(),
                        ended: view.status.is_final(),
                    };
                    return Ok(Some((
                        Event::default().event("batch").data(text),
                        (named, request, told),
                    )));
                }
                // A server that stops keeps nobody waiting: clients come again by themselves.
                if named
                    .app
                    .stopping
                    .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
                    .await
                    .is_none()
                {
                    return Ok(None);
                }
            }
        },
    )
}
