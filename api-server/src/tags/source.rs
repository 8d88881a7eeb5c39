//! Where the image of a request comes from: a URL or base64 in JSON, a part of a form, or the body itself.

use std::time::Duration;

use axum::{body::Body, http::request::Parts};
use bytes::Bytes;
use common::{
    fault::{Code, Fault},
    image::is_image,
    stage::Stage,
};
use tokio::time::Instant;
use web::{
    context::RequestContext,
    request::{
        BodyLimits, Fields, FromFields, MediaType, all_in_body, media_type, parse_json_fields,
        parse_query_fields, peeked, read_body, unpacked,
    },
};

use super::{
    file, form,
    image_source::ImageSource,
    request::{ImageOrigin, RequestOptions, TagRequest, Wanted},
};
use crate::state::AppState;

/// Room for the rest of a JSON body beside its base64.
const JSON_EXTRA_BYTES: usize = 16 * 1024;

/// Beside a JSON body lies the text that it is parsed to, and later the image.
const JSON_COPIES: usize = 2;

/// Parsing more than this would hold up the other requests of its thread.
const PARSED_INLINE_BYTES: usize = 64 * 1024;

fn json_cap(max_body_bytes: usize) -> usize {
    (max_body_bytes / 3 * 4).saturating_add(JSON_EXTRA_BYTES)
}

/// The most that one request's body can take of the budget, with a KiB for rounding.
pub fn most_bytes(max_body_bytes: usize) -> usize {
    json_cap(max_body_bytes)
        .saturating_mul(JSON_COPIES)
        .saturating_add(1024)
}

/// Reads all but the bytes of a raw image.
pub async fn read(
    app: &AppState,
    context: &mut RequestContext,
    tenant: &str,
    parts: Parts,
    body: Body,
    arrived: Instant,
) -> Result<Wanted, Fault> {
    let patience = Duration::from_millis(app.config.body_timeout_ms);
    let query = parts.uri.query().unwrap_or_default();
    let mut body = unpacked(&parts.headers, body)?;
    let mut kind = media_type(&parts.headers);
    if let Some(MediaType::Unsaid) = kind {
        let (head, whole) = peeked(body, patience, Stage::Admit).await?;
        kind = seen(&head);
        body = whole;
    }
    let (source, options) = match kind {
        Some(MediaType::Json) => {
            let BesideJson { explain } = beside_json(query)?;
            let (source, mut options) = read_json(app, tenant, body, arrived).await?;
            options.explain |= explain;
            (source, options)
        }
        Some(MediaType::Image) => {
            let options: RequestOptions = parse_query_fields(query)?;
            (ImageOrigin::Body(body), options)
        }
        Some(MediaType::Form) => {
            // The image comes among the options: its arrival is `fetch`, as for a raw body.
            context.end(Stage::Admit);
            let form = form::read(app, &parts, body).await?;
            context.end(Stage::Fetch);
            (ImageOrigin::Bytes(form.image), form.options)
        }
        Some(MediaType::Unsaid) | None => {
            return Err(Fault::new(
                Code::UnsupportedMediaType,
                Stage::Admit,
                MEDIA_TYPES,
            ));
        }
    };
    options.check(source, arrived, &app.config)
}

/// What a query may say beside a JSON body.
struct BesideJson {
    explain: bool,
}

impl FromFields for BesideJson {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            explain: fields.flag("explain")?,
        })
    }
}

fn beside_json(query: &str) -> Result<BesideJson, Fault> {
    all_in_body(query, Some("explain"))?;
    parse_query_fields(query)
}

const MEDIA_TYPES: &str = "Send JSON as `application/json`, a form as `multipart/form-data`, or the image's bytes as `image/*` or `application/octet-stream` (curl: -H 'content-type: image/jpeg').";

/// Returns what a body is by its first bytes.
fn seen(head: &[u8]) -> Option<MediaType> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if text.trim_ascii_start().starts_with(b"{") {
        return Some(MediaType::Json);
    }
    is_image(head).then_some(MediaType::Image)
}

async fn read_json(
    app: &AppState,
    tenant: &str,
    body: Body,
    arrived: Instant,
) -> Result<(ImageOrigin, RequestOptions), Fault> {
    let config = &app.config;
    let limits = BodyLimits {
        cap: json_cap(config.max_body_bytes),
        told_max: config.max_body_bytes,
        copies: JSON_COPIES,
        patience: Duration::from_millis(config.body_timeout_ms),
        stage: Stage::Admit,
    };
    let read = read_body(&app.resources.budget, body, limits, None).await;
    let (json, held) = read.map_err(file::advised)?;
    let longest = Duration::from_millis(config.max_timeout_ms.into());
    let request = parse(app, json, arrived + longest).await?;
    let (image, options) = request.split()?;
    let source = match image {
        ImageSource::Url(url) => ImageOrigin::Url(app.resources.fetcher.parse_image(&url, tenant)?),
        ImageSource::Content(base64) => ImageOrigin::Base64(base64, held),
    };
    Ok((source, options))
}

async fn parse(app: &AppState, json: Bytes, until: Instant) -> Result<TagRequest, Fault> {
    let is_short = json.len() <= PARSED_INLINE_BYTES;
    let parse = move || parse_json_fields(&json);
    if is_short {
        parse()
    } else {
        app.offload.run(Stage::Admit, until, parse).await
    }
}
