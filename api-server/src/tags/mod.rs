//! `POST /v1/tags`: one image's way through the API server.

mod answer;
mod content;
mod form;
mod request;
mod source;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    image::Facts,
    model::TileSpec,
    queue::Priority,
    stage::Stage,
};
use dispatch::{Returned, answer::Answer};
use fetch::{Fetched, Purpose, Requester, Sent};
use prepare::Prepared;
use tokio::time::Instant;

use crate::{
    auth::Caller,
    context::{Arrived, Problem, RequestContext, RequestId, with_timing},
    request::{BodyLimits, TagOptions, read_body},
    state::AppState,
};
use answer::TagAnswer;
use request::{ImageFile, RequestOptions, Source, TagForm, TagRequest, Wanted};

pub use source::most_bytes;

/// Tag and caption an image
///
/// The image comes as a URL or as base64 in a JSON body, as the part `image` of a form, or as the body itself
/// (`image/*` or `application/octet-stream`, options in the query).
#[utoipa::path(
    post, path = "/v1/tags", tag = "Tags",
    params(TagOptions, RequestOptions), security((), ("api_key" = [])),
    request_body(content(
        (TagRequest = "application/json", example = json!({"image": {"url": "https://example.com/cat.jpg"}, "features": ["tags", "caption"], "limit": 5, "language": "ko", "exclude": ["weapon"]})),
        (TagForm = "multipart/form-data"),
        (inline(ImageFile) = "image/*"),
        (inline(ImageFile) = "application/octet-stream"),
    ), description = "The image and what to answer"),
    responses(
        (status = 200, body = TagAnswer, headers(
            ("server-timing" = String, description = "The stages of `timings_ms`, for browsers' developer tools"),
            ("x-request-id" = String, description = "The `id` of the answer"),
            ("ratelimit" = String, description = "What is left to the API key: `r` requests, and `t` seconds until there are more"),
            ("ratelimit-policy" = String, description = "What the API key may: `q` requests in `w` seconds"),
        )),
        (status = 400, description = "`invalid_request` (also a name in `categories`, `include` or `exclude` that the model does not know), `invalid_url`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Bearer`"))),
        (status = 404, description = "`model_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`request_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The image's host (`source_unreachable`, `source_http_error`, `source_timeout`, `source_too_large`, `source_incomplete`, `too_many_redirects`, `unsupported_encoding`, `source_busy`, `source_forbids_ai`) or the image (`empty_image`, `unsupported_format`, `image_invalid`, `image_truncated`, `image_too_large`, `bad_aspect`, `too_many_frames`, `decode_timeout`)", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`overloaded`, `rate_limited`", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u16, description = "Seconds"))),
        (status = 500, description = "`too_many_attempts`, `inference_failed`, `internal`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`queue_unavailable`, `results_unavailable`, `no_workers`", body = Problem, content_type = "application/problem+json", headers(("retry-after" = u16, description = "Seconds"))),
        (status = 504, description = "`deadline_exceeded`", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn tag_image(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    id: RequestId,
    arrived: Arrived,
    request: Request,
) -> Response {
    let mut context = RequestContext::begin(id, arrived.0, Some(caller.clone()));
    // Boxed: the whole way is one large future, and most of it is not there yet when it starts.
    let way = Box::pin(tag(&app, &mut context, &caller, arrived, request));
    match way.await {
        Ok((facts, returned)) => answer(context, facts, returned),
        Err(fault) => context.refuse(fault),
    }
}

fn answer(mut context: RequestContext, facts: Facts, returned: Returned) -> Response {
    let tagged = match context.receive(returned) {
        Ok(tagged) => tagged,
        Err(fault) => return context.refuse(fault),
    };
    let finished = context.finish();
    let timing = finished.timings.header();
    let answer = TagAnswer::new(finished, Answer::new(facts, tagged));
    with_timing(Json(answer).into_response(), &timing)
}

async fn tag(
    app: &AppState,
    context: &mut RequestContext,
    caller: &Caller,
    arrived: Arrived,
    request: Request,
) -> Result<(Facts, Returned), Fault> {
    let _permit = app.admission.enter()?;
    let (parts, body) = request.into_parts();
    let arrived = Instant::from_std(arrived.0);
    let wanted = source::read(app, context, parts, body, arrived).await?;
    let Wanted {
        source,
        asked,
        model,
        client_ref,
        deadline,
    } = wanted;
    context.client_ref = client_ref;
    context.end(Stage::Admit);

    // The look into the cache of results comes here with a later change; so
    // far it is the look for a model that somebody runs.
    let model = app.resources.fleet.model(model.as_deref()).await?;
    app.resources.fleet.expect_readers(asked.version())?;
    context.model = Some(model.id.name.clone());
    context.end(Stage::Lookup);

    let (bytes, sent) = fetch(app, context, caller, source, deadline).await?;
    context.bytes = Some(bytes.len());
    context.end(Stage::Fetch);

    let Prepared { facts, tile } = prepare(app, bytes, sent, model.tile, deadline).await?;
    let submitted = context.end(Stage::Prepare);

    let key = ResultKey {
        tenant: caller.tenant.to_string(),
        id: context.id.to_string(),
    };
    let job = app.dispatcher.job(key, &model.id.name, asked, tile);
    let returned = app
        .dispatcher
        .submit_and_wait(Priority::Realtime, job, submitted, deadline)
        .await?;
    Ok((facts, returned))
}

/// Returns the file's bytes, with the host that is to be told of them, where they come from one.
async fn fetch(
    app: &AppState,
    context: &mut RequestContext,
    caller: &Caller,
    source: Source,
    deadline: Instant,
) -> Result<(Bytes, Option<Sent>), Fault> {
    if Instant::now() >= deadline {
        let detail = "The time was over before the image was read.";
        return Err(Fault::new(Code::DeadlineExceeded, Stage::Lookup, detail));
    }
    let bytes = match source {
        Source::Url(url) => {
            context.note_url(&url);
            let requester = Requester {
                tenant: caller.tenant.clone(),
                purpose: Purpose::Realtime,
            };
            let fetcher = &app.resources.fetcher;
            let file = fetcher.fetch(url, deadline, &requester).await?;
            let Fetched { bytes, sent } = file;
            return Ok((bytes, Some(sent)));
        }
        Source::Base64(text, held) => {
            let decode = move || Ok(held.with(content::decoded(text)?));
            app.offload.run(Stage::Fetch, deadline, decode).await?
        }
        Source::Body(body) => from_body(app, body, deadline).await?,
        Source::Bytes(bytes) => bytes,
    };
    Ok((bytes, None))
}

async fn prepare(
    app: &AppState,
    file: Bytes,
    sent: Option<Sent>,
    tile: TileSpec,
    deadline: Instant,
) -> Result<Prepared, Fault> {
    let decoders = &app.resources.prepare;
    decoders
        .tile(file, tile, deadline, |impact| {
            if let Some(sent) = sent {
                sent.decoded(impact);
            }
        })
        .await
}

async fn from_body(app: &AppState, body: Body, deadline: Instant) -> Result<Bytes, Fault> {
    let limits = BodyLimits {
        cap: app.config.max_body_bytes,
        told_max: app.config.max_body_bytes,
        copies: 1,
        patience: Duration::from_millis(app.config.body_timeout_ms),
        stage: Stage::Fetch,
    };
    let (bytes, held) = read_body(&app.resources.budget, body, limits, Some(deadline)).await?;
    Ok(held.with(bytes))
}
