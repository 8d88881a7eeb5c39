//! `POST /v1/tags`: one image's way through the API server.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    response::Response,
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use common::{
    bus::ResultKey,
    fault::{Code, Fault},
    queue::Lane,
    stage::Stage,
};
use tokio::time::Instant;

use crate::{
    App,
    answer::{Image, TagAnswer},
    edge::{Arrived, RequestId},
    fetch::{Fetched, Purpose, Sent},
    keys::Caller,
    problem::Problem,
    request::{self, ImageFile, RawOptions, Source, TagForm, TagRequest, Wanted},
    submit::Returned,
    trail::Trail,
};

/// Tag and caption an image
///
/// The image comes as a URL or as base64 in a JSON body, as the part `image` of a form, or as the body itself
/// (`image/*` or `application/octet-stream`, options in the query).
#[utoipa::path(
    post, path = "/v1/tags", tag = "Tags",
    params(RawOptions), security((), ("api_key" = [])),
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
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    id: RequestId,
    arrived: Arrived,
    request: Request,
) -> Response {
    let mut trail = Trail::begin(id, arrived.0, Some(caller.clone()));
    // Boxed: the whole way is one large future, and most of it is not there yet when it starts.
    match Box::pin(way(&app, &mut trail, &caller, arrived, request)).await {
        Ok((image, returned)) => trail.answer(image, returned),
        Err(fault) => trail.refuse(fault),
    }
}

async fn way(
    app: &App,
    trail: &mut Trail,
    caller: &Caller,
    arrived: Arrived,
    request: Request,
) -> Result<(Image, Returned), Fault> {
    let _place = app.admission.enter()?;
    let (parts, body) = request.into_parts();
    let Wanted {
        source,
        asked,
        model,
        client_ref,
        deadline,
    } = request::read(app, trail, parts, body, Instant::from_std(arrived.0)).await?;
    trail.client_ref = client_ref;
    trail.end(Stage::Admit);

    // The look into the cache of results comes here with a later change; so
    // far it is the look for a model that somebody runs.
    let model = app.fleet.model(model.as_deref()).await?;
    trail.model = Some(model.id.name.clone());
    trail.end(Stage::Lookup);

    if Instant::now() >= deadline {
        return Err(Fault::new(
            Code::DeadlineExceeded,
            Stage::Lookup,
            "The time was over before the image was read.",
        ));
    }
    let (bytes, sent) = bytes_of(app, source, deadline).await?;
    trail.bytes = Some(bytes.len());
    trail.end(Stage::Fetch);

    let seen = |conduct| sent.into_iter().for_each(|sent| sent.was(conduct));
    let prepared = app.prepare.tile(bytes, model.tile, deadline, seen).await?;
    let submitted = trail.end(Stage::Prepare);

    let key = ResultKey {
        tenant: caller.tenant.to_string(),
        id: trail.id.to_string(),
    };
    let job = app.submit.job(key, &model.id.name, asked, prepared.tile);
    let returned = app
        .submit
        .and_wait(Lane::Realtime, job, submitted, deadline)
        .await?;
    Ok((prepared.facts.into(), returned))
}

/// With the host that is to be told of them, where they come from one.
async fn bytes_of(
    app: &App,
    source: Source,
    deadline: Instant,
) -> Result<(Bytes, Option<Sent>), Fault> {
    let bytes = match source {
        Source::Url(url) => {
            let Fetched { bytes, sent } =
                app.fetcher.fetch(url, deadline, Purpose::Realtime).await?;
            return Ok((bytes, Some(sent)));
        }
        Source::Base64(text, held) => {
            let decode = move || Ok(held.with(decode_base64(&text)?));
            app.offload.run(Stage::Fetch, deadline, decode).await?
        }
        Source::Body(body) => from_body(app, body, deadline).await?,
        Source::Bytes(bytes) => bytes,
    };
    Ok((bytes, None))
}

async fn from_body(app: &App, body: Body, deadline: Instant) -> Result<Bytes, Fault> {
    let cap = app.config.max_body_bytes;
    let (bytes, held) = request::read_body(app, body, cap, 1, Stage::Fetch, Some(deadline)).await?;
    Ok(held.with(bytes))
}

/// With or without padding, since clients differ.
fn decode_base64(text: &str) -> Result<Bytes, Fault> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, lenient);
    let decoded = engine.decode(text);
    decoded.map(Bytes::from).map_err(|error| {
        Fault::new(
            Code::InvalidRequest,
            Stage::Fetch,
            format!("image.content is not base64: {error}"),
        )
    })
}
