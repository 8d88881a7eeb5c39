//! Where the image of a request comes from: a URL or base64 in JSON, a part of a form, or the body itself.

use std::time::Duration;

use axum::{body::Body, http::request::Parts};
use bytes::Bytes;
use common::{
    budget::Held,
    fault::{Code, Fault},
    stage::Stage,
    wire::Asked,
};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};

use super::form;
use crate::{
    config::ApiConfig,
    context::RequestContext,
    request::{BodyLimits, MediaType, TagOptions, media_type, parse_query, read_body},
    state::AppState,
};

/// Room for the rest of a JSON body beside its base64.
const JSON_EXTRA_BYTES: usize = 16 * 1024;

/// Beside a JSON body lies the text that it is parsed to, and later the image.
const JSON_COPIES: usize = 2;

/// Parsing more than this would hold up the other requests of its thread.
const PARSED_INLINE_BYTES: usize = 64 * 1024;

const MAX_CLIENT_REF_CHARS: usize = 200;

fn json_cap(max_body_bytes: usize) -> usize {
    (max_body_bytes / 3 * 4).saturating_add(JSON_EXTRA_BYTES)
}

/// The most that one request's body can take of the budget, with a KiB for rounding.
pub fn most_bytes(max_body_bytes: usize) -> usize {
    json_cap(max_body_bytes)
        .saturating_mul(JSON_COPIES)
        .saturating_add(1024)
}

/// A request's body in JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    image: ImageSource,
    #[serde(flatten)]
    options: TagOptions,
    /// Time for everything, milliseconds.
    #[schema(minimum = 1, example = 5000)]
    timeout_ms: Option<u32>,
    /// Comes back in the answer, and is logged.
    #[schema(max_length = 200, example = "album-7/photo-12")]
    client_ref: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageSource {
    /// An http or https URL on a public address.
    #[schema(example = "https://example.com/cat.jpg")]
    Url(String),
    /// The file's bytes in base64.
    Content(String),
}

/// The options of a request whose body is the image itself, or a form with it.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RequestOptions {
    #[serde(flatten)]
    #[param(ignore)]
    options: TagOptions,
    /// Time for everything, milliseconds.
    #[param(minimum = 1)]
    #[schema(minimum = 1)]
    timeout_ms: Option<u32>,
    /// Comes back in the answer, and is logged.
    #[param(max_length = 200)]
    #[schema(max_length = 200)]
    client_ref: Option<String>,
}

/// A form: the image as a file, and the options as fields.
#[derive(Debug, ToSchema)]
pub struct TagForm {
    #[schema(value_type = String, format = Binary)]
    pub image: Bytes,
    #[schema(inline)]
    #[serde(flatten)]
    pub options: RequestOptions,
}

/// An image file as a request's body, for the OpenAPI document alone.
pub enum ImageFile {}

impl PartialSchema for ImageFile {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(binary))
            .into()
    }
}

impl ToSchema for ImageFile {}

/// What all forms of a request come to.
#[derive(Debug)]
pub struct Wanted {
    pub source: Source,
    pub asked: Asked,
    pub model: Option<String>,
    pub client_ref: Option<String>,
    pub deadline: Instant,
}

#[derive(Debug)]
pub enum Source {
    Url(Url),
    Base64(String, Held),
    /// The request's own body, not yet read.
    Body(Body),
    Bytes(Bytes),
}

/// Reads all but the bytes of a raw image.
pub async fn read(
    app: &AppState,
    context: &mut RequestContext,
    parts: Parts,
    body: Body,
    arrived: Instant,
) -> Result<Wanted, Fault> {
    let (source, options) = match media_type(&parts.headers) {
        Some(MediaType::Json) => read_json(app, body, arrived).await?,
        Some(MediaType::Image) => {
            let options = parse_query(parts.uri.query().unwrap_or_default())?;
            (Source::Body(body), options)
        }
        Some(MediaType::Form) => {
            // The image comes among the options: its arrival is `fetch`, as for a raw body.
            context.end(Stage::Admit);
            let form = form::read(app, &parts, body).await?;
            context.end(Stage::Fetch);
            (Source::Bytes(form.image), form.options)
        }
        None => {
            return Err(Fault::new(
                Code::UnsupportedMediaType,
                Stage::Admit,
                MEDIA_TYPES,
            ));
        }
    };
    options.check(source, arrived, &app.config)
}

const MEDIA_TYPES: &str = "Send JSON as `application/json`, a form as `multipart/form-data`, or the image's bytes as `image/*` or `application/octet-stream` (curl: -H 'content-type: image/jpeg').";

async fn read_json(
    app: &AppState,
    body: Body,
    arrived: Instant,
) -> Result<(Source, RequestOptions), Fault> {
    let config = &app.config;
    let limits = BodyLimits {
        cap: json_cap(config.max_body_bytes),
        told_max: config.max_body_bytes,
        copies: JSON_COPIES,
        patience: Duration::from_millis(config.body_timeout_ms),
        stage: Stage::Admit,
    };
    let (json, held) = read_body(&app.resources.budget, body, limits, None).await?;
    let longest = Duration::from_millis(config.max_timeout_ms.into());
    let request = parse(app, json, arrived + longest).await?;
    let source = match request.image {
        ImageSource::Url(url) => Source::Url(app.resources.fetcher.parse(&url)?),
        ImageSource::Content(base64) => Source::Base64(base64, held),
    };
    let options = RequestOptions {
        options: request.options,
        timeout_ms: request.timeout_ms,
        client_ref: request.client_ref,
    };
    Ok((source, options))
}

async fn parse(app: &AppState, json: Bytes, until: Instant) -> Result<TagRequest, Fault> {
    let is_short = json.len() <= PARSED_INLINE_BYTES;
    let parse = move || {
        let request = serde_json::from_slice(&json);
        request.map_err(|error| Fault::invalid(error.to_string()))
    };
    if is_short {
        parse()
    } else {
        app.offload.run(Stage::Admit, until, parse).await
    }
}

impl RequestOptions {
    fn check(self, source: Source, arrived: Instant, config: &ApiConfig) -> Result<Wanted, Fault> {
        let chars = self
            .client_ref
            .as_deref()
            .map_or(0, |it| it.chars().count());
        if chars > MAX_CLIENT_REF_CHARS {
            return Err(Fault::invalid(format!(
                "client_ref must have {MAX_CLIENT_REF_CHARS} characters at the most"
            )));
        }
        let timeout_ms = self.timeout_ms.unwrap_or(config.default_timeout_ms);
        if !(1..=config.max_timeout_ms).contains(&timeout_ms) {
            return Err(Fault::invalid(format!(
                "timeout_ms must be 1 to {}",
                config.max_timeout_ms
            )));
        }
        let asking = self.options.check()?;
        Ok(Wanted {
            source,
            asked: asking.asked,
            model: asking.model,
            client_ref: self.client_ref,
            deadline: arrived + Duration::from_millis(timeout_ms.into()),
        })
    }
}
