//! What a request for one image may say, in each of its forms, and what all forms come to.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use common::{budget::Held, fault::Fault, wire::TagQuery};
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
use web::request::{Fields, FromFields, TagOptions};

use super::image_source::{ImageSource, NO_IMAGE};
use crate::config::ApiConfig;

pub const MAX_CLIENT_REF_CHARS: usize = 200;

/// A request's body in JSON.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    #[schema(value_type = ImageSource, required)]
    image: Option<ImageSource>,
    #[serde(flatten)]
    options: TagOptions,
    /// Time for everything, milliseconds.
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

impl FromFields for TagRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            image: fields.take("image")?,
            options: TagOptions::from_fields(fields)?,
            timeout_ms: fields.whole("timeout_ms")?,
            client_ref: fields.take("client_ref")?,
            cache: fields.take("cache")?,
            explain: fields.flag("explain")?,
        })
    }
}

impl FromFields for RequestOptions {
    fn from_fields(fields: &mut Fields<'_>) -> Result<Self, Fault> {
        Ok(Self {
            options: TagOptions::from_fields(fields)?,
            timeout_ms: fields.whole("timeout_ms")?,
            client_ref: fields.take("client_ref")?,
            cache: fields.take("cache")?,
            explain: fields.flag("explain")?,
        })
    }
}

impl TagRequest {
    pub fn split(self) -> Result<(ImageSource, RequestOptions), Fault> {
        let missing = || Fault::invalid(format!("`image` is missing: {NO_IMAGE}."));
        let options = RequestOptions {
            options: self.options,
            timeout_ms: self.timeout_ms,
            client_ref: self.client_ref,
            cache: self.cache,
            explain: self.explain,
        };
        Ok((self.image.ok_or_else(missing)?, options))
    }
}

/// The options of a request whose body is the image itself, or a form with it.
#[derive(Debug, IntoParams, ToSchema)]
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
    /// `no-store`: neither answered from the cache nor kept in it.
    #[param(inline)]
    cache: Option<CacheUse>,
    /// Whether the answer says, in `explain`, what became of the request.
    #[serde(default)]
    pub explain: bool,
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

#[cfg(test)]
mod tests {
    use web::request::{parse_json_fields, parse_query_fields};

    use super::*;

    fn said(json: &str) -> String {
        let read = parse_json_fields::<TagRequest>(json.as_bytes());
        let split = read.and_then(TagRequest::split);
        split.expect_err(json).detail
    }

    #[test]
    fn what_is_wrong_with_the_image_is_said() {
        for (json, why) in [
            (
                r#"{"image":{}}"#,
                "`image` has neither `url` nor `content`: write {",
            ),
            (r#"{"image":{"url":null}}"#, "`image` has neither `url` nor"),
            (r#"{"image":null}"#, "`image` is missing: write {"),
            ("{}", "`image` is missing: write {"),
            (
                r#"{"image":{"url":"a","content":"b"}}"#,
                "leave one of them out",
            ),
            (
                r#"{"image":{"url":"a","url":"b"}}"#,
                "`image.url` is there twice",
            ),
            (
                r#"{"image":{"url":"a","size":1}}"#,
                "There is no `size` here; there is `url`, `content`",
            ),
            (r#"{"image":{"uri":"a"}}"#, "maybe `url` is meant"),
            (
                r#"{"image":"http://a/"}"#,
                "`image` must be an object, and is text: write {",
            ),
            (
                r#"{"image":["a"]}"#,
                "`image` must be an object, and is an array",
            ),
            (
                r#"{"image":{"url":["a"]}}"#,
                "`image.url` must be text, and is an array",
            ),
        ] {
            assert!(said(json).contains(why), "{json}: {}", said(json));
        }
    }

    #[test]
    fn what_is_wrong_with_an_option_names_it_and_the_choices() {
        for (rest, why) in [
            (
                r#""treshold":1"#,
                "There is no `treshold` here; maybe `threshold` is meant; there is `image`, `features`",
            ),
            (
                r#""features":"tags""#,
                "`features` must be an array, and is text",
            ),
            (
                r#""features":["tag"]"#,
                "`features[0]` is `tag`, and may be `tags`, `caption`",
            ),
            (
                r#""language":"EN""#,
                "`language` is `EN`, and may be `en`, `ko`",
            ),
            (
                r#""include":["a",1]"#,
                "`include[1]` must be text, and is the whole number 1",
            ),
            (
                r#""cache":"never""#,
                "`cache` is `never`, and may be `no-store`",
            ),
            (
                r#""explain":"yes""#,
                "`explain` must be true or false, and is text",
            ),
            (r#""limit":"5""#, "`limit` must be a whole number"),
            (r#""limit":1e999"#, "A number is too large, in `limit`"),
            (r#""threshold":NaN"#, "JSON knows neither NaN nor Infinity"),
        ] {
            let json = format!(r#"{{"image":{{"url":"http://a/"}},{rest}}}"#);
            assert!(said(&json).contains(why), "{json}: {}", said(&json));
        }
        let said = |query: &str| {
            let read = parse_query_fields::<RequestOptions>(query);
            read.expect_err(query).detail
        };
        let typo = said("treshold=1");
        assert!(typo.contains("maybe `threshold` is meant"), "{typo}");
        let language = said("language=EN");
        assert_eq!(language, "`language` is `EN`, and may be `en`, `ko`.");
    }

    #[test]
    fn marks_before_the_text_are_nothing_and_wide_signs_are_named() {
        let json = r#"{"image":{"url":"http://a/"},"limit":5.0}"#;
        let marked = format!("\u{feff}{json}");
        let read = parse_json_fields::<TagRequest>(marked.as_bytes()).expect("reads");
        assert!(read.split().is_ok());
        let wide: Vec<u8> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let why = parse_json_fields::<TagRequest>(&wide).expect_err("is wide");
        assert!(why.detail.contains("must be UTF-8"), "{}", why.detail);
    }
}
