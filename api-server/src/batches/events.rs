//! `GET /v1/batches/{id}/events`: progress as server-sent events.

use std::time::Duration;

use admission::OpenStream;
use axum::response::{
    IntoResponse, Response,
    sse::{Event, KeepAlive, Sse},
};
use common::{backoff::Pauses, fault::Fault};
use futures_util::{Stream, stream};
use ledger::{
    BatchView, Request,
    view::{Counts, Status},
};
use serde_json::Value;
use tokio::time::sleep;
use web::context::Problem;

use super::named::{Named, Problems};

/// Between two looks; longer while nothing moves. All who watch a batch at this server share a look.
const PAUSES: Pauses = Pauses::doubling(LOOK_EVERY, Duration::from_secs(10));
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SEEN_WITHIN: Duration = Duration::from_millis(900);

/// How a batch goes
///
/// An event `batch` for each change, at most one a second and one in ten seconds while nothing is done, with what `GET /v1/batches/{id}` answers. It ends with the batch.
#[utoipa::path(
    get, path = "/v1/batches/{id}/events", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`")),
    responses(
        (status = 200, description = "Events `batch`; the data of each is the batch as it stands", body = BatchView, content_type = "text/event-stream"),
        (status = 429, description = "`rate_limited`; `quota_exceeded` where as many are watched as may be", body = Problem, content_type = "application/problem+json"),
        Problems
    )
)]
pub async fn batch_events(named: Named) -> Response {
    let found = open(&named).await;
    let asked = named.clone();
    let events = found.map(|(request, stream)| {
        let told = Told::default();
        Sse::new(events(Watching {
            named: asked,
            request,
            told,
            _stream: stream,
        }))
        .keep_alive(KeepAlive::default())
        .into_response()
    });
    named.reply(events, "batch events")
}

async fn open(named: &Named) -> Result<(Request, OpenStream), Fault> {
    let request = named.find().await?;
    let stream = named.app.quota.open_stream(&request.tenant)?;
    Ok((request, stream))
}

struct Watching {
    named: Named,
    request: Request,
    told: Told,
    /// Counts as long as this lives.
    _stream: OpenStream,
}

/// What was told last, and whether it was the end.
#[derive(Default)]
struct Told {
    state: Value,
    progress: Option<(Status, Counts)>,
    /// Looks in a row that found nothing done.
    idle: u32,
    ended: bool,
}

impl Told {
    /// Returns what is to be told.
    fn see(&mut self, view: &BatchView) -> Option<String> {
        let progress = Some((view.status, view.request_counts));
        self.idle = match progress == self.progress {
            true => self.idle + 1,
            false => 0,
        };
        self.progress = progress;
        self.ended = view.status.is_final();
        let text = serde_json::to_string(view).expect("maps have text as keys");
        let mut state: Value = serde_json::from_str(&text).expect("it was just written");
        let fields = state.as_object_mut().expect("a view has fields");
        // They follow the clock while nothing is done, and so are no news by themselves.
        fields.remove("rate_per_s");
        fields.remove("eta");
        if state == self.state {
            return None;
        }
        self.state = state;
        Some(text)
    }
}

fn events(watching: Watching) -> impl Stream<Item = Result<Event, Fault>> {
    stream::try_unfold(watching, async |mut watching| {
        let event = watching.next().await?;
        Ok(event.map(|event| (event, watching)))
    })
}

impl Watching {
    async fn next(&mut self) -> Result<Option<Event>, Fault> {
        let app = &self.named.app;
        while !self.told.ended {
            if self.told.progress.is_some() {
                // A server that stops keeps nobody waiting: clients come again by themselves.
                let pause = sleep(PAUSES.after(self.told.idle));
                if app.stopping.run_until_cancelled(pause).await.is_none() {
                    return Ok(None);
                }
            }
            let ledger = &app.resources.ledger;
            let view = BatchView::recent(ledger, &self.request, app.now_s(), SEEN_WITHIN);
            if let Some(text) = self.told.see(&view.await?) {
                return Ok(Some(Event::default().event("batch").data(text)));
            }
        }
        Ok(None)
    }
}
