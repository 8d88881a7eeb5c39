//! Where one image is: at a URL, or in the request itself.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use utoipa::ToSchema;
use web::request::unknown;

#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageSource {
    /// An http or https URL on a public address; or `s3://…`, `gs://…`, `az://…`, `file:///…` below what the operator allows.
    #[schema(example = "https://example.com/cat.jpg")]
    Url(String),
    /// The file's bytes in base64, in either alphabet, with or without padding, line breaks or `data:image/…;base64,` before.
    Content(String),
}

/// What is sent in place of an image.
pub const NO_IMAGE: &str =
    "write {\"url\": \"https://…\"}, or {\"content\": \"…\"} with the file in base64";

impl<'de> Deserialize<'de> for ImageSource {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ImageKeys)
    }
}

struct ImageKeys;

impl<'de> Visitor<'de> for ImageKeys {
    type Value = ImageSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<ImageSource, E> {
        Err(E::custom(format!(
            "`image` must be an object, and is text: {NO_IMAGE}"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ImageSource, A::Error> {
        let mut url = None;
        let mut content = None;
        while let Some(key) = map.next_key::<String>()? {
            let place = match key.as_str() {
                "url" => &mut url,
                "content" => &mut content,
                other => {
                    let why = unknown(other, &["url", "content"]);
                    return Err(A::Error::custom(format!("`image`: {why}")));
                }
            };
            if place.replace(map.next_value::<Option<String>>()?).is_some() {
                return Err(A::Error::custom(format!("`image.{key}` is there twice")));
            }
        }
        match (url.flatten(), content.flatten()) {
            (Some(url), None) => Ok(ImageSource::Url(url)),
            (None, Some(content)) => Ok(ImageSource::Content(content)),
            (Some(_), Some(_)) => Err(A::Error::custom(
                "`image` has a `url` and a `content`: leave one of them out",
            )),
            (None, None) => Err(A::Error::custom(format!(
                "`image` has neither `url` nor `content`: {NO_IMAGE}"
            ))),
        }
    }
}
