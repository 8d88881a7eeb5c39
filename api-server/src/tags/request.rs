//! What a request for one image may say, in each of its forms, and what all forms come to.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use common::{budget::Held, fault::Fault, wire::TagQuery};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;
use url::Url;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
    },
};
use web::request::{TagOptions, whole};

use crate::config::ApiConfig;

pub const MAX_CLIENT_REF_CHARS: usize = 200;

/// A request's body in JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    image: ImageSource,
    #[serde(flatten)]
    options: TagOptions,
    /// Time for everything, milliseconds.
    #[serde(default, deserialize_with = "timeout_ms")]
    #[schema(minimum = 1, example = 5000)]
    timeout_ms: Option<u32>,
    /// Comes back in the answer, and is logged; if absent, what `x-request-id` says does.
    #[schema(max_length = 200, example = "album-7/photo-12")]
    client_ref: Option<String>,
    /// `no-store`: neither answered from the cache nor kept in it.
    cache: Option<CacheUse>,
    /// Whether the answer says, in `explain`, what became of the request. `?explain=1` does the same.
    #[serde(default)]
    explain: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CacheUse {
    NoStore,
}

fn timeout_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    whole("timeout_ms", from)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageSource {
    /// An http or https URL on a public address; or `s3://…`, `gs://…`, `az://…`, `file:///…` below what the operator allows.
    #[schema(example = "https://example.com/cat.jpg")]
    Url(String),
    /// The file's bytes in base64, in either alphabet, with or without padding, line breaks or `data:image/…;base64,` before.
    Content(String),
}

impl TagRequest {
    pub fn split(self) -> (ImageSource, RequestOptions) {
        let options = RequestOptions {
            options: self.options,
            timeout_ms: self.timeout_ms,
            client_ref: self.client_ref,
            cache: self.cache,
            explain: self.explain,
        };
        (self.image, options)
    }
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
    #[serde(default, deserialize_with = "timeout_ms")]
    #[param(minimum = 1)]
    #[schema(minimum = 1)]
    timeout_ms: Option<u32>,
    /// Comes back in the answer, and is logged.
    #[param(max_length = 200)]
    #[schema(max_length = 200)]
    client_ref: Option<String>,
    /// `no-store`: neither answered from the cache nor kept in it.
    #[param(inline)]
    cache: Option<CacheUse>,
    /// Whether the answer says, in `explain`, what became of the request.
    #[serde(default)]
    explain: bool,
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
    pub source: ImageOrigin,
    pub asked: TagQuery,
    pub model: Option<String>,
    pub client_ref: Option<String>,
    /// Whether the answer may come from the cache, and be kept there.
    pub may_cache: bool,
    /// Whether the answer says what became of the request.
    pub explain: bool,
    pub deadline: Instant,
}

#[derive(Debug)]
pub enum ImageOrigin {
    Url(Url),
    Base64(String, Held),
    /// The request's own body, not yet read.
    Body(Body),
    Bytes(Bytes),
}

impl RequestOptions {
    pub fn check(
        self,
        source: ImageOrigin,
        arrived: Instant,
        config: &ApiConfig,
    ) -> Result<Wanted, Fault> {
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
            may_cache: self.cache.is_none(),
            explain: self.explain,
            deadline: arrived + Duration::from_millis(timeout_ms.into()),
        })
    }
}
