//! `GET /v1/batches/{id}/results` and `/errors`: NDJSON, while it runs too.

use std::time::Duration;

use axum::{
    body::Body,
    extract::RawQuery,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    stage::Stage,
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use ledger::{Cursor, Kind, LedgerError, unavailable};
use serde::Deserialize;
use tokio::{task::yield_now, time::timeout};
use utoipa::{IntoParams, IntoResponses};
use web::{context::Problem, request::parse_query};

use super::named::{Named, Problems};

/// How long an answer waits for room in memory before it begins.
const ROOM_WITHIN: Duration = Duration::from_secs(5);

/// What is packed at once takes less than a millisecond.
const TURN_BYTES: usize = 64 * 1024;

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

/// What a request for lines gets.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "for the description of the API")]
enum Answers {
    /// Lines, as far as there are some without a gap
    #[response(status = 200, content_type = "application/x-ndjson", headers(("x-next-cursor" = String, description = "Where this answer ends")))]
    Lines(String),
    /// `overloaded`: others read as many results as may be on their way at once
    #[response(status = 429, content_type = "application/problem+json")]
    Full(#[to_schema] Problem),
    /// `invalid_request`
    #[response(status = 400, content_type = "application/problem+json")]
    Query(#[to_schema] Problem),
}

/// What was done
///
/// A line for each item: `{"id", "custom_id", "line", "url", "response": {"status_code": 200, "body": {"model", "image",
/// "tags", "caption"}}, "error": null}`. Of a batch under way, as far as it goes without a gap; go on later with
/// `after`. Lines come in no order that is of use; `line` is the item's row in the list, from 1.
#[utoipa::path(
    get, path = "/v1/batches/{id}/results", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`"), LinesQuery), responses(Answers, Problems)
)]
pub async fn batch_results(named: Named, RawQuery(query): RawQuery) -> Response {
    named.reply(
        lines(&named, query, Kind::Completed).await,
        "batch results read",
    )
}

/// What failed, and why
///
/// As results, with `"response": null` and `"error": {"code", "stage", "message", "retryable", "attempts"}`. The codes
/// are those of `POST /v1/tags`, `invalid_row` of a row that could not be read, and `batch_cancelled` and `batch_expired`.
#[utoipa::path(
    get, path = "/v1/batches/{id}/errors", tag = "Batches", security((), ("api_key" = [])),
    params(("id" = String, Path, description = "`batch_…`"), LinesQuery), responses(Answers, Problems)
)]
pub async fn batch_errors(named: Named, RawQuery(query): RawQuery) -> Response {
    named.reply(
        lines(&named, query, Kind::Failed).await,
        "batch errors read",
    )
}

async fn lines(named: &Named, query: Option<String>, kind: Kind) -> Result<Response, Fault> {
    let (from, limit) = read(query.as_deref().unwrap_or_default())?;
    let key = named.find().await?.key();
    let ledger = named.app.resources.ledger.clone();
    let look = ledger.look(&key).await.map_err(unavailable)?;
    let shards = look.facts.sealed.map_or(0, |sealed| sealed.shards);
    let progress = match look.facts.ended {
        None => look.progress,
        Some(_) => ledger.progress(&key).await.map_err(unavailable)?,
    };
    let (pieces, next) = progress.readable(shards, kind, from, limit);
    let room = named.app.readers.of(&key.tenant);
    let lines = move |piece| ledger.lines(&key, kind, piece, &room);
    let mut pieces = Box::pin(stream::iter(pieces).flat_map(lines));
    let first = timeout(ROOM_WITHIN, pieces.next()).await;
    let first = first
        .map_err(|_| no_room())?
        .transpose()
        .map_err(unavailable)?;
    // What cannot be read from here on breaks the answer off: half a list must not look like a whole one.
    let pieces = stream::iter(first.map(Ok)).chain(pieces);
    let pieces = pieces.map_ok(in_turns).try_flatten();
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson".to_owned()),
        (NEXT_CURSOR, next.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Cuts a piece, so that packing a whole one holds up no other request of its thread.
fn in_turns(piece: Bytes) -> impl Stream<Item = Result<Bytes, LedgerError>> {
    stream::unfold(piece, async |mut left| {
        if left.is_empty() {
            return None;
        }
        yield_now().await;
        let taken = left.split_to(left.len().min(TURN_BYTES));
        Some((Ok(taken), left))
    })
}

fn no_room() -> Fault {
    Fault::new(
        Code::Overloaded,
        Stage::Result,
        "Others read as many results as may be on their way at once, and slowly; try again.",
    )
}

fn read(query: &str) -> Result<(Cursor, u64), Fault> {
    let LinesQuery { after, limit } = parse_query(query)?;
    if limit == Some(0) {
        return Err(Fault::invalid("limit must be 1 or more"));
    }
    let cursor = match after {
        None => Cursor::default(),
        Some(text) => match text.parse() {
            Ok(cursor) => cursor,
            Err(()) => return Err(Fault::invalid("after is no cursor")),
        },
    };
    Ok((cursor, limit.unwrap_or(u64::MAX)))
}
