//! What a client may ask for, and what of it is refused at once.

mod choice;

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header, request::Parts},
};
use bytes::{Bytes, BytesMut};
use common::{
    fault::{Code, Fault},
    stage::Stage,
    wire::{Asked, Features},
};
use futures_util::StreamExt;
use hyper::body::Body as _;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use url::{Url, form_urlencoded};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};

use crate::{
    ApiConfig, App,
    admit::{FIRST_BYTES, Held, Room},
    fetch::Fetcher,
    form,
    trail::Trail,
};
pub use choice::{Language, comma_separated};

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
    /// What to answer; both if absent.
    #[schema(example = json!(["tags", "caption"]))]
    features: Option<Vec<Feature>>,
    /// At most so many tags, 1 to 100; the model's default if absent.
    #[schema(minimum = 1, maximum = 100, example = 10)]
    limit: Option<u16>,
    /// Least confidence of a tag, 0 to 1; the model's default if absent.
    #[schema(minimum = 0, maximum = 1, example = 0.1)]
    threshold: Option<f32>,
    /// Of tags and caption; English if absent. Captions in Korean are written from patterns.
    language: Option<Language>,
    /// Only tags of these categories, by id or by name in either language.
    #[schema(max_items = 100, example = json!(["animal", "음식"]))]
    categories: Option<Vec<String>>,
    /// Only these tags and what is below them, by id, name or synonym in either language; case and spaces do not
    /// matter. A name that the model does not know is `invalid_request`.
    #[schema(max_items = 100, example = json!(["cat", "개"]))]
    include: Option<Vec<String>>,
    /// Never these tags nor what is below them.
    #[schema(max_items = 100, example = json!(["weapon"]))]
    exclude: Option<Vec<String>>,
    /// One of `/v1/models`; the default there if absent.
    model: Option<String>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    Tags,
    Caption,
}

/// The options of a request whose body is the image itself, or a form with it.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RawOptions {
    /// `tags`, `caption`, or `tags,caption`. In the query for raw image bodies, like all options; JSON has its own.
    #[param(example = "tags,caption")]
    #[schema(example = "tags,caption")]
    pub features: Option<String>,
    /// At most so many tags, 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<u16>,
    /// Least confidence of a tag, 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: Option<f32>,
    /// Of tags and caption; English if absent. Captions in Korean are written from patterns.
    pub language: Option<Language>,
    /// Only tags of these categories, by id or by name in either language.
    #[serde(default, deserialize_with = "choice::comma_separated")]
    #[param(value_type = Option<String>, example = "animal,음식")]
    #[schema(value_type = Option<String>, example = "animal,음식")]
    pub categories: Option<Vec<String>>,
    /// Only these tags and what is below them, by id, name or synonym in either language; case and spaces do not
    /// matter. A name that the model does not know is `invalid_request`.
    #[serde(default, deserialize_with = "choice::comma_separated")]
    #[param(value_type = Option<String>, example = "cat,개")]
    #[schema(value_type = Option<String>, example = "cat,개")]
    pub include: Option<Vec<String>>,
    /// Never these tags nor what is below them.
    #[serde(default, deserialize_with = "choice::comma_separated")]
    #[param(value_type = Option<String>, example = "weapon")]
    #[schema(value_type = Option<String>, example = "weapon")]
    pub exclude: Option<Vec<String>>,
    /// One of `/v1/models`.
    pub model: Option<String>,
    /// Time for everything, milliseconds.
    #[param(minimum = 1)]
    #[schema(minimum = 1)]
    pub timeout_ms: Option<u32>,
    /// Comes back in the answer, and is logged.
    #[param(max_length = 200)]
    #[schema(max_length = 200)]
    pub client_ref: Option<String>,
}

/// A form: the image as a file, and the options as fields.
#[derive(Debug, ToSchema)]
pub struct TagForm {
    #[schema(value_type = String, format = Binary)]
    pub image: Bytes,
    #[schema(inline)]
    #[serde(flatten)]
    pub options: RawOptions,
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

/// What both forms come to.
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
    app: &App,
    trail: &mut Trail,
    parts: Parts,
    body: Body,
    arrived: Instant,
) -> Result<Wanted, Fault> {
    let config = &app.config;
    let (source, options) = match media_type(&parts.headers) {
        Some(MediaType::Json) => {
            let cap = json_cap(config.max_body_bytes);
            let (bytes, held) = read_body(app, body, cap, JSON_COPIES, Stage::Admit, None).await?;
            let longest = Duration::from_millis(config.max_timeout_ms.into());
            parse(app, bytes, arrived + longest)
                .await?
                .split(&app.fetcher, held)?
        }
        Some(MediaType::Image) => {
            let options = RawOptions::parse(parts.uri.query().unwrap_or_default())?;
            (Source::Body(body), options)
        }
        Some(MediaType::Form) => {
            // The image comes among the options: its arrival is `fetch`, as for a raw body.
            trail.end(Stage::Admit);
            let form = form::read(app, &parts, body).await?;
            trail.end(Stage::Fetch);
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
    options.check(source, arrived, config)
}

async fn parse(app: &App, json: Bytes, until: Instant) -> Result<TagRequest, Fault> {
    let inline = json.len() <= PARSED_INLINE_BYTES;
    let parse = move || serde_json::from_slice(&json).map_err(|error| invalid(error.to_string()));
    if inline {
        parse()
    } else {
        app.offload.run(Stage::Admit, until, parse).await
    }
}

const MEDIA_TYPES: &str = "Send JSON as `application/json`, a form as `multipart/form-data`, or the image's bytes as `image/*` or `application/octet-stream` (curl: -H 'content-type: image/jpeg').";

pub enum MediaType {
    Json,
    Image,
    Form,
}

pub fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next()?.trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(MediaType::Json),
        "application/octet-stream" => Some(MediaType::Image),
        "multipart/form-data" => Some(MediaType::Form),
        other => other.starts_with("image/").then_some(MediaType::Image),
    }
}

impl TagRequest {
    fn split(self, fetcher: &Fetcher, held: Held) -> Result<(Source, RawOptions), Fault> {
        let source = match self.image {
            ImageSource::Url(url) => Source::Url(fetcher.parse(&url)?),
            ImageSource::Content(base64) => Source::Base64(base64, held),
        };
        let options = RawOptions {
            features: self.features.map(feature_names),
            limit: self.limit,
            threshold: self.threshold,
            language: self.language,
            categories: self.categories,
            include: self.include,
            exclude: self.exclude,
            model: self.model,
            timeout_ms: self.timeout_ms,
            client_ref: self.client_ref,
        };
        Ok((source, options))
    }
}

impl RawOptions {
    pub fn parse(query: &str) -> Result<Self, Fault> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        let options = Self::deserialize(serde_urlencoded::Deserializer::new(pairs));
        options.map_err(|error| invalid(format!("The options cannot be read: {error}")))
    }

    /// What of them concerns the picture.
    pub fn asked(self) -> Result<Asked, Fault> {
        if self.limit.is_some_and(|limit| !(1..=100).contains(&limit)) {
            return Err(invalid("limit must be 1 to 100"));
        }
        // Says no to NaN too, which a query string can hold.
        if self
            .threshold
            .is_some_and(|threshold| !(0.0..=1.0).contains(&threshold))
        {
            return Err(invalid("threshold must be 0 to 1"));
        }
        Ok(Asked {
            features: features(self.features.as_deref())?,
            limit: self.limit,
            threshold: self.threshold,
            language: self.language.unwrap_or_default().into(),
            selection: choice::selection(self.categories, self.include, self.exclude)?,
        })
    }

    fn check(
        mut self,
        source: Source,
        arrived: Instant,
        config: &ApiConfig,
    ) -> Result<Wanted, Fault> {
        if self
            .client_ref
            .as_deref()
            .is_some_and(|text| text.chars().count() > MAX_CLIENT_REF_CHARS)
        {
            return Err(invalid(format!(
                "client_ref must have {MAX_CLIENT_REF_CHARS} characters at the most"
            )));
        }
        let timeout_ms = self.timeout_ms.unwrap_or(config.default_timeout_ms);
        if !(1..=config.max_timeout_ms).contains(&timeout_ms) {
            return Err(invalid(format!(
                "timeout_ms must be 1 to {}",
                config.max_timeout_ms
            )));
        }
        let (model, client_ref) = (self.model.take(), self.client_ref.take());
        let deadline = arrived + Duration::from_millis(timeout_ms.into());
        Ok(Wanted {
            source,
            asked: self.asked()?,
            model,
            client_ref,
            deadline,
        })
    }
}

/// As a query or a form names them.
pub fn feature_names(features: Vec<Feature>) -> String {
    let name = |feature: &Feature| match feature {
        Feature::Tags => "tags",
        Feature::Caption => "caption",
    };
    features.iter().map(name).collect::<Vec<_>>().join(",")
}

fn features(list: Option<&str>) -> Result<Features, Fault> {
    let Some(list) = list else {
        return Ok(Features {
            tags: true,
            caption: true,
        });
    };
    let mut features = Features {
        tags: false,
        caption: false,
    };
    for name in list.split(',') {
        match name.trim() {
            "tags" => features.tags = true,
            "caption" => features.caption = true,
            _ => return Err(invalid("features must name `tags`, `caption` or both")),
        }
    }
    Ok(features)
}

/// The announced length, or `cap` if there is none; more than that is never read.
pub fn length(body: &Body, cap: usize) -> usize {
    let announced = body
        .size_hint()
        .exact()
        .and_then(|length| usize::try_from(length).ok());
    announced.map_or(cap, |length| length.min(cap))
}

/// Reads a body whole, as it comes. `copies`: times that it will lie in memory. `deadline` is the request's own, where
/// it is known.
pub async fn read_body(
    app: &App,
    body: Body,
    cap: usize,
    copies: usize,
    stage: Stage,
    deadline: Option<Instant>,
) -> Result<(Bytes, Held), Fault> {
    let config = &app.config;
    let room = app.budget.room(length(&body, cap), copies, stage)?;
    if body.size_hint().lower() > cap as u64 {
        return Err(too_large(stage, config.max_body_bytes));
    }
    let patience = Instant::now() + Duration::from_millis(config.body_timeout_ms);
    let until = deadline.map_or(patience, |deadline| deadline.min(patience));
    let read = collect(body, cap, room, stage, config.max_body_bytes);
    timeout_at(until, read).await.map_err(|_| too_slow(stage))?
}

async fn collect(
    body: Body,
    cap: usize,
    mut room: Room,
    stage: Stage,
    max_bytes: usize,
) -> Result<(Bytes, Held), Fault> {
    let mut whole = BytesMut::with_capacity(length(&body, cap).min(FIRST_BYTES));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Fault::new(Code::InvalidRequest, stage, "The request's body broke off.")
        })?;
        let length = whole.len() + chunk.len();
        if length > cap {
            return Err(too_large(stage, max_bytes));
        }
        room.grow_to(length)?;
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.freeze(), room.into_held()))
}

pub fn too_large(stage: Stage, max_bytes: usize) -> Fault {
    Fault::new(
        Code::BodyTooLarge,
        stage,
        format!("At most {max_bytes} bytes."),
    )
}

pub fn too_slow(stage: Stage) -> Fault {
    Fault::new(
        Code::RequestTimeout,
        stage,
        "The request's body did not arrive in time.",
    )
}

fn invalid(detail: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidRequest, Stage::Admit, detail)
}
