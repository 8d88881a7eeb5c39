//! `POST /v1/tags`: one image's way through the API server.

mod answer;
mod file;
mod form;
mod image_source;
mod once;
mod replayed;
mod request;
mod source;
mod work;

use std::{iter, sync::Arc};

use admission::key_of;
use axum::{
    Json,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cache::{AnswerKey, Digest, Layer, Replay};
use common::{fault::Fault, stage::Stage};
use dispatch::answer::Answer;
use identity::{Caller, QuotaGuard};
use tokio::time::Instant;
use web::{
    context::{Arrived, Problem, RequestContext, RequestId, with_timing},
    is_known,
    request::{TagOptions, add_tenant_words},
};

use crate::state::AppState;
use answer::TagAnswer;
use request::{
    ImageFile, ImageOrigin, MAX_CLIENT_REF_CHARS, RequestOptions, TagForm, TagRequest, Wanted,
};
use work::{Caching, Done, Work};

pub use source::most_bytes;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Tag and caption an image
///
/// The image comes as a URL or as base64 in a JSON body, as the part `image` of a form, or as the body itself
/// (`image/*` or `application/octet-stream`, options in the query). Beside a JSON body the query may have `explain` alone.
#[utoipa::path(
    post, path = "/v1/tags", tag = "Tags",
    params(TagOptions, RequestOptions, ("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, description = "A name for this request, up to 255 characters: sent again, it is answered as before for a day")), security((), ("api_key" = [])),
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
            ("etag" = String, description = "Names this answer to this question; with it in `If-None-Match` the answer is 304"),
            ("cache-status" = String, description = "RFC 9211: `tagfleet; hit; detail=url` (or `bytes`, `tile`, `key`), or `tagfleet; fwd=miss`"),
            ("ratelimit" = String, description = "What is left to the API key: `r` requests, and `t` seconds until there are more"),
            ("ratelimit-policy" = String, description = "What the API key may: `q` requests in `w` seconds"),
        )),
        (status = 304, description = "The answer is the one that `If-None-Match` names"),
        (status = 400, description = "`invalid_request` (also a name in `categories`, `include` or `exclude` that the model does not know), `invalid_url`", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthorized`, `key_revoked`", body = Problem, content_type = "application/problem+json", headers(("www-authenticate" = String, description = "`Bearer`"))),
        (status = 403, description = "`key_read_only`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`model_not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "`request_timeout`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_in_flight`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`body_too_large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`; the image's place (`source_not_allowed`), its host (`source_unreachable`, `source_http_error`, `source_timeout`, `source_too_large`, `source_incomplete`, `too_many_redirects`, `unsupported_encoding`, `source_busy`, `source_forbids_ai`) or the image (`empty_image`, `unsupported_format`, `image_invalid`, `image_truncated`, `image_too_large`, `bad_aspect`, `too_many_frames`, `decode_timeout`)", body = Problem, content_type = "application/problem+json", headers(("cache-status" = String, description = "`tagfleet; hit; detail=url` where this was known before, so that the host was not asked; else absent"))),
        (status = 429, description = "`overloaded`, `rate_limited`, `quota_exceeded`", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "`too_many_attempts`, `inference_failed`, `internal`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`queue_unavailable`, `results_unavailable`, `no_workers`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline_exceeded`: the request's own time was over", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn tag_image(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    Extension(quota_guard): Extension<Arc<QuotaGuard>>,
    id: RequestId,
    arrived: Arrived,
    request: Request,
) -> Response {
    let mut context = app.begin(id, arrived, &caller, request.headers());
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    // Boxed: the whole way is one large future, and most of it is not there yet when it starts.
    let way = Box::pin(tag(
        &app,
        &mut context,
        (&caller, &quota_guard),
        arrived,
        request,
    ));
    match way.await {
        Ok(done) => answer(context, done, known.as_ref()),
        Err(fault) => refuse(context, fault),
    }
}

/// Says also of a fault whether it was found in the cache: then the image's host was not asked.
fn refuse(context: RequestContext, fault: Fault) -> Response {
    let is_known = context.record.cached.is_some();
    let mut response = context.refuse(fault);
    if is_known {
        let status = HeaderValue::from_static(cache_status(Some(Layer::Url)));
        response.headers_mut().insert(CACHE_STATUS, status);
    }
    response
}

fn answer(mut context: RequestContext, done: Done, known: Option<&HeaderValue>) -> Response {
    if let Some(layer) = done.cached {
        context.record.cached = Some(layer.name());
    }
    context.record.caption = Some(done.tagged.caption.status_name());
    let cached = cache_status(done.cached);
    let etag = done.etag.clone();
    let has_it = etag.as_deref().is_some_and(|etag| is_known(etag, known));
    let status = match has_it {
        true => StatusCode::NOT_MODIFIED,
        false => StatusCode::OK,
    };
    let finished = context.finish(status);
    let timing = finished.timings.header();
    let response = if has_it {
        status.into_response()
    } else {
        let answer = Answer::new(done.facts, done.tagged, done.exif);
        Json(TagAnswer::new(finished, answer)).into_response()
    };
    let mut response = with_timing(response, &timing);
    let headers = response.headers_mut();
    headers.insert(CACHE_STATUS, HeaderValue::from_static(cached));
    if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
        headers.insert(header::ETAG, etag);
        // Whoever keeps it asks again, since the image at a URL may change.
        let keep = HeaderValue::from_static("private, no-cache");
        headers.insert(header::CACHE_CONTROL, keep);
    }
    response
}

/// RFC 9211: whether the cache has answered, and by what it found the answer.
fn cache_status(cached: Option<Layer>) -> &'static str {
    match cached {
        Some(Layer::Url) => "tagfleet; hit; detail=url",
        Some(Layer::Bytes) => "tagfleet; hit; detail=bytes",
        Some(Layer::Tile) => "tagfleet; hit; detail=tile",
        Some(Layer::Key) => "tagfleet; hit; detail=key",
        None => "tagfleet; fwd=miss",
    }
}

/// Returns what the client calls its request in `x-request-id`. It names nothing here: ids of requests are ours.
fn name_of(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-request-id")?.to_str().ok()?;
    (1..=MAX_CLIENT_REF_CHARS)
        .contains(&name.len())
        .then(|| name.to_owned())
}

async fn tag(
    app: &AppState,
    context: &mut RequestContext,
    (caller, quota_guard): (&Caller, &QuotaGuard),
    arrived: Arrived,
    request: Request,
) -> Result<Done, Fault> {
    let _permit = app.admission.enter()?;
    let _place = quota_guard.enter()?;
    let (parts, body) = request.into_parts();
    let arrived = Instant::from_std(arrived.0);
    let key = key_of(&parts.headers)?.map(<[u8]>::to_vec);
    let named = name_of(&parts.headers);
    let mut wanted = source::read(app, context, &caller.tenant, parts, body, arrived).await?;
    context.explain = wanted.explain;
    context.record.client_ref = wanted.client_ref.take().or(named);
    if let ImageOrigin::Url(url) = &wanted.source {
        context.note_url(url);
    }
    context.end(Stage::Admit);
    let exif = app.resources.exif_rule(wanted.asked.features);
    let whose = (caller, quota_guard);
    let done = match key {
        Some(key) => answered_once(app, context, whose, &key, wanted).await?,
        None => Box::pin(answered(app, context, whose, wanted)).await?,
    };
    Ok(Done { exif, ..done })
}

/// The answer, however often a request comes with that key.
async fn answered_once(
    app: &AppState,
    context: &mut RequestContext,
    whose: (&Caller, &QuotaGuard),
    key: &[u8],
    mut wanted: Wanted,
) -> Result<Done, Fault> {
    let asked = replayed::asked(app, &mut wanted).await?;
    let replays = &app.replays;
    match replays
        .begin(&whose.0.tenant, key, asked, wanted.deadline)
        .await?
    {
        Replay::Known(replayed) => {
            context.end(Stage::Lookup);
            let done = Done::cached(replayed.answered, Layer::Key);
            Ok(Done {
                etag: replayed.etag,
                ..done
            })
        }
        Replay::First(first) => {
            let way = Box::pin(answered(app, context, whose, wanted));
            let done = first.during(way).await?;
            first.keep(done.answered(), done.etag.clone()).await;
            Ok(done)
        }
    }
}

/// The answer, from wherever it can be had first.
async fn answered(
    app: &AppState,
    context: &mut RequestContext,
    (caller, quota_guard): (&Caller, &QuotaGuard),
    mut wanted: Wanted,
) -> Result<Done, Fault> {
    add_tenant_words(&mut wanted.asked, caller);
    let fleet = &app.resources.fleet;
    let model = fleet.model(wanted.model.as_deref()).await?;
    if let Err(unread) = fleet.expect_readers(wanted.asked.version()) {
        // The caller did not ask for them. While workers are upgraded, an answer without them is better than none.
        if !std::mem::take(&mut wanted.asked.tenant_words) {
            return Err(unread);
        }
        wanted.asked.vocabulary = None;
        fleet.expect_readers(wanted.asked.version())?;
    }
    let beside = fleet.beside(&model, wanted.asked.features)?;
    context.record.model = Some(model.id.name.clone());
    let cache = app.resources.cache.as_ref();
    let caching = match cache.filter(|_| wanted.may_cache) {
        Some(cache) => {
            let scope = cache.scope(&caller.tenant).await;
            let captioners = fleet.captioners();
            let models = iter::once(&model).chain(&beside).map(|model| &model.id);
            let key = AnswerKey::new(&scope, models, &captioners, &wanted.asked);
            Some(Caching { cache, scope, key })
        }
        None => None,
    };
    let url = match (&caching, &wanted.source) {
        (Some(caching), ImageOrigin::Url(url)) => {
            Some(Digest::of_url(&caching.scope, url.as_str()))
        }
        _ => None,
    };
    let work = Work {
        app,
        context,
        caller,
        quota_guard,
        source: Some(wanted.source),
        earlier: None,
        asked: wanted.asked,
        model,
        beside,
        deadline: wanted.deadline,
    };
    let mut done = match (&caching, url) {
        (Some(caching), Some(url)) => Box::pin(once::answer(work, caching, url)).await?,
        _ => work.go(caching.as_ref(), None).await?,
    };
    // One whose caption is still to come has no name: the whole one would have the same.
    let caching = caching.filter(|_| done.is_complete());
    done.etag = caching.map(|caching| caching.key.etag(&done.facts.sha256));
    Ok(done)
}
